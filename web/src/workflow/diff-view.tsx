import type { Changes } from "../editor/changes";
import { tokens } from "../ui/json-tokens";
import { type Changed, changesOf, placeOf, printed } from "./diff-lines";

const SIGNS = { added: "+", removed: "−", changed: "~" } as const;
const STATUS = { added: "COMPLETED", removed: "FAILED", changed: "WAITING" } as const;
const WORDS = { added: "added", removed: "removed", changed: "changed" } as const;

const MOST = 200;

interface Props {
  changes: Changes;
  label?: string;
}

/** What differs between two graphs: each node and edge with its fields before and after. */
export function DiffView({ changes, label = "Changes" }: Props) {
  const all = changesOf(changes);
  if (all.length === 0) return <p className="text-ink-2">Nothing differs.</p>;
  return (
    <ul aria-label={label} className="@container space-y-2">
      {all.slice(0, MOST).map((change, index) => (
        <li key={index} data-change={change.side} data-status={STATUS[change.side]} className="overflow-hidden rounded-xl border border-line">
          <Head change={change} />
          {change.value !== null && <Whole change={change} />}
          {change.fields.map((field) => (
            <div key={field.pointer} className="border-t border-line px-3.5 py-2.5">
              <p className="mb-1.5 font-mono text-xs text-ink-2">{placeOf(field.pointer)}</p>
              <div className="grid gap-1.5 @md:grid-cols-2">
                <Side text={printed(field.before)} status="FAILED" word="Before" />
                <Side text={printed(field.after)} status="COMPLETED" word="After" />
              </div>
            </div>
          ))}
        </li>
      ))}
      {all.length > MOST && <li className="px-3.5 py-2 text-ink-3">and {(all.length - MOST).toLocaleString()} more</li>}
    </ul>
  );
}

function Head({ change }: { change: Changed }) {
  return (
    <p className="flex items-center gap-2 bg-(--st-soft)/50 px-3.5 py-2">
      <span aria-hidden className="w-3 text-center font-mono font-bold text-(--st)">
        {SIGNS[change.side]}
      </span>
      <span className="min-w-0 truncate font-medium">{change.name}</span>
      {change.note && <span className="min-w-0 truncate text-xs text-ink-3">{change.note}</span>}
      <span className="ml-auto shrink-0 text-xs text-(--st)">
        {change.kind === "graph" ? "" : `${change.kind} `}
        {WORDS[change.side]}
      </span>
    </p>
  );
}

function Whole({ change }: { change: Changed }) {
  return (
    <details className="border-t border-line px-3.5 py-2">
      <summary className="cursor-pointer text-xs font-medium text-ink-2">Show it</summary>
      <div className="pt-2">
        <pre className="max-h-72 overflow-auto rounded-lg bg-sunken p-2.5 font-mono text-xs leading-relaxed whitespace-pre-wrap [overflow-wrap:anywhere]">
          {tokens(printed(change.value) ?? "").map((part, index) => (part.kind ? <span key={index} style={{ color: `var(--json-${part.kind})` }}>{part.text}</span> : part.text))}
        </pre>
      </div>
    </details>
  );
}

function Side({ text, status, word }: { text: string | null; status: "FAILED" | "COMPLETED"; word: string }) {
  return (
    <div data-status={status} className="min-w-0 rounded-lg border border-(--st)/25 bg-(--st-soft)/40 px-2.5 py-1.5">
      <span className="sr-only">{word}: </span>
      {text === null ? <span className="text-xs text-ink-3">not there</span> : <pre className="max-h-72 overflow-auto font-mono text-xs leading-relaxed whitespace-pre-wrap [overflow-wrap:anywhere]">{text}</pre>}
    </div>
  );
}
