import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { TypeIcon } from "../editor/type-icon";
import { CopyButton } from "../ui/copy-button";
import { Icon } from "../ui/icons";
import { JsonView } from "../ui/json-view";
import type { Entry } from "./entries";
import { nodeOf, type Row, rowsOf } from "./schema-rows";

/** One node type or tool: what it does, and every field that it takes. */
export function EntryView({ entry }: { entry: Entry }) {
  const { project } = useParams({ from: "/projects/$project/catalog" });
  const rows = rowsOf(entry.schema);
  const node = entry.kind === "type" ? nodeOf(entry.name, entry.schema) : { id: entry.name.replaceAll(".", "_"), type: "tool", config: { tool: entry.name, args: {} } };
  return (
    <article aria-label={entry.title} className="min-w-0 grow overflow-y-auto px-5 py-5 md:px-8">
      <Link to="/projects/$project/catalog" params={{ project }} search={(before) => ({ ...before, open: undefined })} className="mb-4 inline-flex items-center gap-1.5 text-accent md:hidden">
        <Icon name="chevron" size={12} className="rotate-180" /> All of them
      </Link>
      <div className="flex flex-wrap items-center gap-3">
        <span className="grid size-10 place-items-center rounded-xl border border-line text-accent shadow-card">
          <TypeIcon type={entry.kind === "tool" ? "tool" : entry.name} size={19} />
        </span>
        <div className="min-w-0">
          <h2 className="text-lg font-semibold [overflow-wrap:anywhere]">{entry.title}</h2>
          <p className="text-xs text-ink-3">
            {entry.kind === "type" ? "Node type" : "Tool, of nodes of the type tool"} · <code className="font-mono">{entry.name}</code>
          </p>
        </div>
        <div className="ml-auto">
          <CopyButton text={() => JSON.stringify(node, null, 2)} label="Copy a node to be pasted into a graph">
            Copy as a node
          </CopyButton>
        </div>
      </div>
      <Prose text={entry.description} />
      <h3 className="mt-7 mb-2 font-semibold">{entry.kind === "type" ? "Config" : "Arguments"}</h3>
      {rows.length === 0 ? <p className="text-ink-2">It takes none.</p> : <Fields rows={rows} entry={entry} />}
      <details className="mt-6">
        <summary className="cursor-pointer text-xs font-medium text-ink-2">JSON Schema</summary>
        <div className="pt-2">
          <JsonView value={entry.schema} label={`JSON Schema of ${entry.title}`} fileName={`${entry.name}.schema.json`} />
        </div>
      </details>
    </article>
  );
}

function Fields({ rows, entry }: { rows: Row[]; entry: Entry }) {
  return (
    <dl aria-label="Fields" className="divide-y divide-line overflow-hidden rounded-xl border border-line">
      {rows.map((row) => (
        <div key={row.path} className="px-4 py-2.5">
          <dt className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5">
            <code className="font-mono text-[13px] font-semibold [overflow-wrap:anywhere]">{row.path}</code>
            <span className="font-mono text-xs text-ink-3 [overflow-wrap:anywhere]">{row.type}</span>
            {row.required && <span className="rounded-md bg-waiting-soft px-1.5 text-xs text-waiting">required</span>}
            {matches(entry.expressions, row.path) && <span className="rounded-md bg-accent-soft px-1.5 text-xs text-accent">expression</span>}
            {matches(entry.literal, row.path) && <span className="rounded-md border border-line px-1.5 text-xs text-ink-2">no templates</span>}
          </dt>
          <dd className="text-ink-2">
            {row.description && <Inline text={row.description} />}
            {row.initial !== null && (
              <span className="text-ink-3">
                {row.description ? " " : ""}Left out: <code className="font-mono text-xs">{row.initial}</code>
              </span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Whether a field is one of those places, in which `*` stands for any item. */
function matches(places: readonly string[], path: string): boolean {
  return places.some((place) => place.replaceAll(".*", "[]") === path);
}

function Prose({ text }: { text: string }) {
  return (
    <div className="mt-4 max-w-2xl space-y-2.5">
      {text.split(/\n\s*\n/).map((paragraph, index) => (
        <p key={index} className={index === 0 ? "" : "text-ink-2"}>
          <Inline text={paragraph.replaceAll("\n", " ")} />
        </p>
      ))}
    </div>
  );
}

/** A sentence with its `code`. */
function Inline({ text }: { text: string }) {
  return text.split(/`([^`]+)`/).map((part, index): ReactNode => (index % 2 === 1 ? <code key={index} className="rounded-md bg-hover px-1 font-mono text-[0.88em]">{part}</code> : part));
}
