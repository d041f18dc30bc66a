import { autocompletion, type Completion, type CompletionContext, type CompletionResult, startCompletion } from "@codemirror/autocomplete";
import type { EditorView } from "@codemirror/view";
import { useContext, useEffect, useMemo, useRef, useState } from "react";
import { CodeBox } from "./code-box";
import { templateLanguage } from "./code-theme";
import { type Cue, cueAt, type Suggestion, wordsFor } from "./completion";
import type { Role } from "./fields";
import { Preview } from "./preview";
import { StandingContext, useForm } from "./scope";

export interface TextProps {
  value: string;
  onChange: (text: string) => void;
  labelledBy: string;
  describedBy: string;
  invalid: boolean;
  role: Role;
  long: boolean;
  placeholder?: string;
}

/** A text with templates, or an expression: coloured, completed, and evaluated while it is written. */
export function TemplateField({ value, role, long, onChange, ...rest }: TextProps) {
  const { readOnly, reader } = useForm();
  const standing = useContext(StandingContext);
  const [focused, setFocused] = useState(false);
  const place = useRef({ reader, standing, role });
  useEffect(() => {
    place.current = { reader, standing, role };
  });
  const extensions = useMemo(
    () => [
      templateLanguage(role === "expression"),
      autocompletion({
        icons: false,
        closeOnBlur: true,
        override: [(context) => complete(context, (cue) => place.current.reader.suggestions(cue, place.current.standing), role)],
      }),
    ],
    [role],
  );
  return (
    <div className="relative">
      <CodeBox
        {...rest}
        value={value}
        onChange={onChange}
        readOnly={readOnly}
        single={!long && !value.includes("\n")}
        extensions={extensions}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
      />
      {role !== "literal" && focused && <Preview text={value} role={role} invalid={rest.invalid} />}
    </div>
  );
}

const WORD = /^[\p{L}\p{N}_]*$/u;

async function complete(context: CompletionContext, ask: (cue: Cue & { kind: "member" | "key" }) => Promise<Suggestion[]>, role: Role): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const cue = cueAt(text, context.pos, role);
  if (!cue || (!context.explicit && !isInvited(text, cue, context.pos))) return null;
  const found = cue.kind === "member" || cue.kind === "key" ? await ask(cue) : wordsFor(cue);
  if (context.aborted || found.length === 0) return null;
  return { from: cue.from, options: found.map((one, index) => optionOf(one, cue, found.length - index)), validFor: WORD };
}

/** Nobody wants a list at every space: it comes with the first letter, behind a dot, and where an expression begins. */
function isInvited(text: string, cue: Cue, at: number): boolean {
  if (cue.from < at || cue.kind === "key" || (cue.kind === "member" && cue.path.length > 0)) return true;
  return /(\{\{|\|)\s?$/.test(text.slice(0, at));
}

function optionOf({ label, apply, detail, kind }: Suggestion, cue: Cue, boost: number): Completion {
  const option: Completion = { label, detail, boost: Math.min(99, boost) / 10 };
  if (cue.kind === "key") return { ...option, apply: (view, _, from, to) => closeKey(view, apply ?? label, cue.quote, from, to) };
  if (apply?.startsWith("[")) return { ...option, apply: (view, _, from, to) => write(view, apply, from - 1, to) };
  return kind === "node" ? { ...option, type: "node" } : option;
}

function closeKey(view: EditorView, key: string, quote: string, from: number, to: number): void {
  const behind = view.state.sliceDoc(to, to + 2);
  const rest = `${quote}]`;
  const over = behind === rest ? 2 : behind.startsWith(quote) ? 1 : 0;
  write(view, key + rest, from, to + over);
}

function write(view: EditorView, text: string, from: number, to: number): void {
  view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
  if (text.endsWith(".")) startCompletion(view);
}
