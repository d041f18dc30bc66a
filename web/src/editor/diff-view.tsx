import type { ReactNode } from "react";
import { type Changes, countOf, type FieldChange } from "./changes";

const SHORT = 160;
const MOST = 200;

/** What changed between two graphs, for people: nodes, edges, and what holds for the whole. */
export function DiffView({ changes, label }: { changes: Changes; label: string }) {
  const { nodes, edges, graph } = changes;
  const moved = nodes.changed.filter(isMove);
  const changed = nodes.changed.filter((node) => !isMove(node));
  const rows: ReactNode[] = [
    ...nodes.added.map((node) => <Row key={`+${node.id}`} sign="+" name={node.id} note={node.type} />),
    ...nodes.removed.map((node) => <Row key={`-${node.id}`} sign="−" name={node.id} note={node.type} />),
    ...changed.map((node) => <Row key={`~${node.id}`} sign="~" name={node.id} changes={node.changes.filter(({ pointer }) => !isPlace(pointer))} />),
    ...edges.added.map((edge, index) => <Row key={`e+${index}`} sign="+" name={`${edge.source} → ${edge.target}`} note={said(edge)} />),
    ...edges.removed.map((edge, index) => <Row key={`e-${index}`} sign="−" name={`${edge.source} → ${edge.target}`} note={said(edge)} />),
    ...edges.changed.map((edge, index) => <Row key={`e~${index}`} sign="~" name={`${edge.source} → ${edge.target}`} changes={edge.changes} />),
    ...(graph.length > 0 ? [<Row key="graph" sign="~" name="The graph itself" changes={graph} />] : []),
    ...(moved.length > 0 ? [<Row key="moved" sign="~" name={moved.length === 1 ? `${moved[0]!.id} stands elsewhere` : `${moved.length} nodes stand elsewhere`} />] : []),
  ];
  if (countOf(changes) === 0) return <p className="text-ink-2">Nothing has changed.</p>;
  return (
    <ul aria-label={label} className="divide-y divide-line overflow-hidden rounded-lg border border-line">
      {rows.slice(0, MOST)}
      {rows.length > MOST && <li className="px-3 py-2 text-ink-3">and {(rows.length - MOST).toLocaleString()} more</li>}
    </ul>
  );
}

function isPlace(pointer: string): boolean {
  return pointer === "/position" || pointer.startsWith("/position/");
}

function isMove({ changes }: { changes: readonly FieldChange[] }): boolean {
  return changes.every(({ pointer }) => isPlace(pointer));
}

function said(edge: { [key: string]: unknown }): string {
  return [edge.condition, edge.branch, edge.on === "error" ? "on error" : null].filter((part) => typeof part === "string").join(" ");
}

const COLOURS = { "+": "var(--st-completed)", "−": "var(--st-failed)", "~": "var(--st-waiting)" } as const;
const WORDS = { "+": "added", "−": "removed", "~": "changed" } as const;

function Row({ sign, name, note, changes = [] }: { sign: keyof typeof COLOURS; name: string; note?: string; changes?: readonly FieldChange[] }) {
  return (
    <li className="px-3 py-2">
      <p className="flex items-baseline gap-2.5">
        <span aria-label={WORDS[sign]} className="w-2.5 shrink-0 text-center font-mono font-semibold" style={{ color: COLOURS[sign] }}>
          {sign}
        </span>
        <span className="min-w-0 font-medium break-words">{name}</span>
        {note && <span className="min-w-0 truncate text-xs text-ink-3">{note}</span>}
      </p>
      {changes.map((change) => (
        <Field key={change.pointer} change={change} />
      ))}
    </li>
  );
}

function Field({ change }: { change: FieldChange }) {
  return (
    <div className="mt-1 ml-5 text-xs">
      <code className="font-mono text-ink-3">{change.pointer.slice(1).replaceAll("/", " / ").replaceAll("~1", "/").replaceAll("~0", "~")}</code>
      {"before" in change && <Value sign="−" value={change.before} />}
      {"after" in change && <Value sign="+" value={change.after} />}
    </div>
  );
}

function Value({ sign, value }: { sign: "+" | "−"; value: unknown }) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (
    <p className="mt-0.5 flex gap-2 font-mono break-words whitespace-pre-wrap text-ink-2" title={text.length > SHORT ? text : undefined}>
      <span style={{ color: COLOURS[sign] }}>{sign}</span>
      <span className="min-w-0 [overflow-wrap:anywhere]">{text.length > SHORT ? `${text.slice(0, SHORT)}…` : text}</span>
    </p>
  );
}
