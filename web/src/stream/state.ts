import type { EdgeFate, Failure, NodeProgress, NodeRow, NodeStatus, Reason, RunStatus } from "./protocol.ts";

/** One turn of a node: the only one outside loops, one per lap inside. */
export interface Lap {
  iteration: number;
  path: readonly number[];
  status: NodeStatus;
  attempt: number;
  progress: NodeProgress | null;
  output: unknown;
  error: Failure | null;
  reason: Reason | null;
  /** When it goes on by itself, or gives up waiting. */
  wakeAt: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  durationMs: number | null;
  truncated: boolean;
  tokens: string;
  /** Whether its result was taken over from before, or changed by a person. */
  made: "reused" | "overridden" | null;
  /** The seq of the last event about it; 0 where only its row is known. */
  seq: number;
}

export interface NodeView {
  id: string;
  /** By iteration, ascending, never empty. */
  laps: readonly Lap[];
  /** What its outgoing edges have become, by their index in the graph, as its last turn left them. */
  edges: Readonly<Record<string, EdgeFate>>;
  /** The seq of the last event about it. */
  seq: number;
  /** The same, of those that change more than tokens, progress and logs. */
  changed: number;
}

export interface RunState {
  seq: number;
  status: RunStatus | null;
  attempt: number;
  error: Failure | null;
  reason: Reason | null;
  wakeAt: string | null;
  result: unknown;
  createdAt: string | null;
  /** Of the workflow; null before it is known. */
  version: number | null;
  startedAt: string | null;
  finishedAt: string | null;
  /** The seq of the last time that it began again, by a retry or by itself; 0 before the first. */
  retriedAt: number;
  nodes: ReadonlyMap<string, NodeView>;
}

export const EMPTY: RunState = {
  seq: 0,
  status: null,
  attempt: 1,
  error: null,
  reason: null,
  wakeAt: null,
  result: undefined,
  createdAt: null,
  version: null,
  startedAt: null,
  finishedAt: null,
  retriedAt: 0,
  nodes: new Map(),
};

export function lastLap(view: NodeView | undefined): Lap | undefined {
  return view?.laps.at(-1);
}

export function statusOf(view: NodeView | undefined): NodeStatus {
  return lastLap(view)?.status ?? "PENDING";
}

/**
 * What a retry has reset, by the rows that were read after it: turns that they no longer hold are to come again, unless
 * an event since then has told of them.
 */
export function afterRetry(state: RunState, rows: ReadonlyMap<string, NodeView>): RunState {
  const nodes = new Map(state.nodes);
  for (const [id, view] of state.nodes) {
    const row = rows.get(id);
    const held = new Set(row?.laps.filter((lap) => lap.status !== "PENDING").map((lap) => lap.iteration));
    const laps = view.laps.filter((lap) => lap.seq > state.retriedAt || held.has(lap.iteration));
    if (laps.length === 0) nodes.delete(id);
    else nodes.set(id, { ...view, laps, edges: view.seq > state.retriedAt ? view.edges : (row?.edges ?? {}) });
  }
  return { ...state, nodes };
}

/** The counts of a progress that are there. */
export function progressOf(told: { done?: unknown; total?: unknown; failed?: unknown } | null): NodeProgress | null {
  if (!told) return null;
  const counts = Object.entries({ done: told.done, total: told.total, failed: told.failed });
  return Object.fromEntries(counts.filter(([, count]) => typeof count === "number"));
}

/** The rows of `GET …/nodes` as the views that events build, for nodes of which the log tells nothing. */
export function viewsFromRows(rows: readonly NodeRow[]): Map<string, NodeView> {
  const views = new Map<string, NodeView>();
  for (const row of rows.toSorted((a, b) => a.iteration - b.iteration)) {
    const before = views.get(row.node_id);
    const lap: Lap = {
      iteration: row.iteration,
      path: row.path ?? [],
      status: row.status,
      attempt: row.attempt,
      progress: progressOf(row.progress),
      output: row.output,
      error: row.error,
      reason: row.reason,
      wakeAt: row.wake_at,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
      durationMs: row.duration_ms,
      truncated: false,
      tokens: "",
      made: null,
      seq: 0,
    };
    views.set(row.node_id, {
      id: row.node_id,
      laps: [...(before?.laps ?? []), lap],
      edges: { ...before?.edges, ...row.edges },
      seq: 0,
      changed: 0,
    });
  }
  return views;
}
