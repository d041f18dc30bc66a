import { tokens } from "../../ui/json-tokens";
import { type Numbers, writeExact } from "../exact";
import { brief } from "./completion";
import { isEvaluated, useEvaluation } from "./evaluation";
import type { Role } from "./fields";
import { Prose } from "./prose";

interface Props {
  said: unknown;
  role: Role;
  /** The field says what is wrong already. */
  invalid: boolean;
}

/** What an expression, or a value with templates, gives over the chosen run; lies over what stands below, so that nothing moves. */
export function Preview({ said, role, invalid }: Props) {
  const found = useEvaluation(said, role);
  if (!isEvaluated(said, role)) return null;
  const answer = found.data;
  const problem = answer?.problems[0];
  if (found.isPending || (problem && invalid)) return null;
  return (
    <div
      role="status"
      aria-label="Value"
      className={`absolute inset-x-0 top-full z-20 mt-1 overflow-hidden rounded-lg border border-line-strong bg-raised shadow-pop ${found.isPlaceholderData ? "opacity-60" : ""}`}
    >
      {found.isError && <Line>{found.error.message}</Line>}
      {problem && <Line>{problem.code === "no_run" ? "Once the workflow has run, its value stands here." : withoutText(problem.message)}</Line>}
      {answer && !problem && <Value value={answer.value} text={answer.text} numbers={answer.numbers} />}
      {answer && !problem && answer.not_run.length > 0 && <Line>{`Not run in this run: ${answer.not_run.join(", ")}.`}</Line>}
    </div>
  );
}

function Line({ children }: { children: string }) {
  return (
    <p className="px-2.5 py-1.5 text-xs [overflow-wrap:anywhere] text-ink-2">
      <Prose>{children}</Prose>
    </p>
  );
}

/** A problem's sentence without the text that it is about: that stands just above. */
function withoutText(message: string): string {
  const rest = message.replace(/^(?:Template|Condition) `[^]*?`(?:, line \d+)?: /, "");
  return rest === "" ? message : rest[0]!.toUpperCase() + rest.slice(1);
}

const SHOWN = 2_000;

function Value({ value, text, numbers }: { value: unknown; text: string | null; numbers: Numbers }) {
  const whole = text ?? writeExact(value, numbers, 2);
  const kind = text !== null ? "only its beginning" : kindOf(value);
  return (
    <div className="flex items-start gap-2 px-2.5 py-1.5">
      <pre className="max-h-40 min-w-0 grow overflow-auto font-mono text-xs leading-[1.6] whitespace-pre-wrap [overflow-wrap:anywhere]">
        {tokens(whole.slice(0, SHOWN)).map((part, index) => (part.kind ? <span key={index} style={{ color: `var(--json-${part.kind})` }}>{part.text}</span> : part.text))}
        {whole.length > SHOWN && "…"}
      </pre>
      <span className="shrink-0 text-[11px] leading-5 text-ink-3">{kind}</span>
    </div>
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return brief(value);
  return { string: "text", number: "number", boolean: "yes or no" }[typeof value as string] ?? "object";
}
