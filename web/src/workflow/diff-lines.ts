import type { FieldChange, Json, VersionDiff } from "../api/types";

/** One thing that changed: `side` says whether it came, went, or is another now. */
export interface Changed {
  side: "added" | "removed" | "changed";
  kind: "node" | "edge" | "graph";
  name: string;
  /** Of a node: its type. */
  note: string | null;
  fields: FieldChange[];
  /** What came or went, whole. */
  value: Json | null;
}

/** A difference as a list: what came first, then what went, then what changed, nodes before edges. */
export function changesOf(diff: VersionDiff): Changed[] {
  const nodes = (side: "added" | "removed") =>
    diff.nodes[side].map((node): Changed => ({ side, kind: "node", name: String(node.name ?? node.id), note: text(node.type), fields: [], value: node as Json }));
  const edges = (side: "added" | "removed") =>
    diff.edges[side].map((edge): Changed => ({ side, kind: "edge", name: `${text(edge.source)} → ${text(edge.target)}`, note: null, fields: [], value: edge as Json }));
  return [
    ...nodes("added"),
    ...edges("added"),
    ...nodes("removed"),
    ...edges("removed"),
    ...diff.nodes.changed.map(({ id, changes }): Changed => ({ side: "changed", kind: "node", name: id, note: null, fields: changes as FieldChange[], value: null })),
    ...diff.edges.changed.map(({ source, target, changes }): Changed => ({ side: "changed", kind: "edge", name: `${source} → ${target}`, note: null, fields: changes as FieldChange[], value: null })),
    ...(diff.graph.length > 0 ? [{ side: "changed", kind: "graph", name: "The graph itself", note: null, fields: diff.graph, value: null } as Changed] : []),
  ];
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
export function printed(value: Json | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
