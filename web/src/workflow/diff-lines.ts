import type { Changes, FieldChange } from "../editor/changes";
import { Exactly, writeLargeNumbers } from "../editor/exact";

/** One thing that changed: `side` says whether it came, went, or is another now. */
export interface Changed {
  side: "added" | "removed" | "changed";
  kind: "node" | "edge" | "graph";
  name: string;
  /** Of a node its type, of an edge when it is taken. */
  note: string | null;
  fields: readonly FieldChange[];
  /** What came or went, whole. */
  value: unknown;
}

/** A difference as a list: what came first, then what went, then what changed, nodes before edges, places last and as one. */
export function changesOf({ nodes, edges, graph }: Changes): Changed[] {
  const node = (side: "added" | "removed") => nodes[side].map((one): Changed => ({ side, kind: "node", name: text(one.name ?? one.id), note: text(one.type), fields: [], value: one }));
  const edge = (side: "added" | "removed") => edges[side].map((one): Changed => ({ side, kind: "edge", name: between(one), note: reasonOf(one), fields: [], value: one }));
  const moved = nodes.changed.filter(({ changes }) => changes.every(isPlace));
  const changed = nodes.changed.filter((one) => !moved.includes(one));
  const another = { side: "changed", note: null, value: null } as const;
  return [
    ...node("added"),
    ...edge("added"),
    ...node("removed"),
    ...edge("removed"),
    ...changed.map(({ id, changes }): Changed => ({ ...another, kind: "node", name: id, fields: changes.filter((change) => !isPlace(change)) })),
    ...edges.changed.map((one): Changed => ({ ...another, kind: "edge", name: between(one), fields: one.changes })),
    ...(graph.length > 0 ? [{ ...another, kind: "graph", name: "The graph itself", fields: graph } as Changed] : []),
    ...(moved.length > 0 ? [{ ...another, kind: "graph", name: moved.length === 1 ? `${moved[0]!.id} stands elsewhere` : `${moved.length} nodes stand elsewhere`, fields: [] } as Changed] : []),
  ];
}

function isPlace({ pointer }: FieldChange): boolean {
  return pointer === "/position" || pointer.startsWith("/position/");
}

function between({ source, target }: { source?: unknown; target?: unknown }): string {
  return `${text(source)} → ${text(target)}`;
}

/** When an edge is taken; null for one that always is. */
function reasonOf({ condition, branch, on }: { [field: string]: unknown }): string | null {
  const said = [condition, branch, on === "error" ? "on error" : null].filter((part) => typeof part === "string");
  return said.length > 0 ? said.join(" ") : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : String(value ?? "");
}

/** A JSON pointer as people read it: /config/branches/0/when becomes config · branches · 0 · when. */
export function placeOf(pointer: string): string {
  const parts = pointer.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")).join(" · ") || "the whole";
}

/** A value on one side of a change; texts without their quotes, so that long prompts can be read. */
export function printed(value: unknown): string | null {
  if (value === undefined) return null;
  if (value instanceof Exactly) return value.text;
  return typeof value === "string" ? value : writeLargeNumbers(value, 2);
}
