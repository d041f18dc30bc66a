import type { Failure, Graph, NodeState, NodeStatus } from "../api/types";

/** What a node came to in one of two runs: its last turn. */
export interface Side {
  status: NodeStatus;
  laps: number;
  attempt: number;
  /** Of all its turns together, in ms. */
  took: number | null;
  input: unknown;
  output: unknown;
  error: Failure | null;
}

export type Difference = "status" | "output" | "error" | "laps" | "presence";

export interface Pair {
  id: string;
  name: string;
  type: string;
  /** Null where the graph of that run has no such node. */
  a: Side | null;
  b: Side | null;
  /** The most telling thing in which they differ; null where they do not. */
  difference: Difference | null;
}

interface Told {
  graph: Graph;
  rows: readonly NodeState[];
}

/** The nodes of two runs beside each other: in the order of the first graph, then those of the second only. */
export function pairs(a: Told, b: Told): Pair[] {
  const [left, right] = [sides(a), sides(b)];
  const only = b.graph.nodes.filter(({ id }) => !left.has(id));
  return [...a.graph.nodes, ...only].map(({ id, name, type }) => {
    const [here, there] = [left.get(id) ?? null, right.get(id) ?? null];
    return { id, name: name || id, type, a: here, b: there, difference: difference(here, there) };
  });
}

function sides({ graph, rows }: Told): Map<string, Side> {
  const found = new Map<string, Side>(graph.nodes.map(({ id }) => [id, { status: "PENDING", laps: 0, attempt: 0, took: null, input: undefined, output: undefined, error: null }]));
  for (const row of rows.toSorted((x, y) => x.iteration - y.iteration)) {
    const before = found.get(row.node_id);
    if (!before) continue;
    const { status, attempt, input, output, error } = row;
    const took = row.duration_ms === null ? before.took : (before.took ?? 0) + row.duration_ms;
    found.set(row.node_id, { status, laps: before.laps + (status === "PENDING" ? 0 : 1), attempt, took, input, output, error });
  }
  return found;
}

function difference(a: Side | null, b: Side | null): Difference | null {
  if (!a || !b) return "presence";
  if (a.status !== b.status) return "status";
  if (a.error?.message !== b.error?.message) return "error";
  if (!same(a.output, b.output)) return "output";
  return a.laps === b.laps ? null : "laps";
}

/** Whether two values are the same JSON; the order of keys does not matter. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (!isObject(a) || !isObject(b)) return (a ?? null) === null && (b ?? null) === null;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => name in b && same(a[name], b[name]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
