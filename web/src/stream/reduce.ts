import type { EdgeFate, Failure, NodeProgress, NodeStatus, Reason, RunEvent, RunStatus } from "./protocol.ts";
import { EMPTY, type Lap, type NodeView, progressOf, type RunState } from "./state.ts";

const RUN = "workflow.run.";
const NODE = "workflow.node.";

const RUN_STATUS: Record<string, RunStatus> = {
  created: "PENDING",
  queued: "QUEUED",
  started: "RUNNING",
  waiting: "WAITING",
  retrying: "RETRYING",
  resumed: "RUNNING",
  completed: "COMPLETED",
  failed: "FAILED",
  cancelled: "CANCELLED",
};

const NODE_STATUS: Record<string, NodeStatus> = {
  started: "RUNNING",
  waiting: "WAITING",
  retrying: "RETRYING",
  completed: "COMPLETED",
  failed: "FAILED",
  skipped: "SKIPPED",
  cancelled: "CANCELLED",
};

const BEGIN: ReadonlySet<string> = new Set(["started", "resumed"]);
/** What tells how a turn is going and leaves it as it is. */
const PASSING: ReadonlySet<string> = new Set([`${NODE}progress`, `${NODE}token`, `${NODE}log`]);
const END: ReadonlySet<string> = new Set(["completed", "failed", "skipped", "cancelled"]);

export function isRunEnd(type: string): boolean {
  return type === `${RUN}completed` || type === `${RUN}failed` || type === `${RUN}cancelled`;
}

export function reduce(state: RunState, event: RunEvent): RunState {
  return reduceAll(state, [event]);
}

/** Applies events in order; those at or below the state's seq have been applied before and change nothing. */
export function reduceAll(state: RunState, events: readonly RunEvent[]): RunState {
  const fresh = events.filter((event) => event.seq > state.seq);
  if (fresh.length === 0) return state;
  const nodes = new Map(state.nodes);
  let next: RunState = { ...state, nodes };
  for (const event of fresh) {
    if (event.type.startsWith(NODE) && event.node_id !== null) {
      nodes.set(event.node_id, nodeAfter(nodes.get(event.node_id), event, event.node_id));
    } else if (event.type.startsWith(RUN)) {
      const restarted = startsAgain(next, event);
      if (restarted) forgetUnfinished(nodes);
      for (const id of again(event)) nodes.delete(id);
      if (isOtherVersion(next, event)) forgetEdges(nodes);
      next = runAfter(restarted ? { ...next, retriedAt: event.seq, startedAt: null, result: undefined } : next, event);
    }
    next.seq = event.seq;
  }
  return next;
}

export function replay(events: readonly RunEvent[]): RunState {
  return reduceAll(EMPTY, events);
}

function runAfter(state: RunState, event: RunEvent): RunState {
  const { data, at } = event;
  const step = event.type.slice(RUN.length);
  const ended = isRunEnd(event.type);
  return {
    ...state,
    status: RUN_STATUS[step] ?? state.status,
    attempt: number(data.attempt) ?? state.attempt,
    error: step === "failed" || step === "retrying" ? ((data.error as Failure | undefined) ?? null) : ended ? state.error : null,
    reason: (data.reason as Reason | undefined) ?? null,
    wakeAt: text(data.wake_at),
    result: step === "completed" ? data.result : state.result,
    createdAt: step === "created" ? at : state.createdAt,
    version: number(data.version) ?? state.version,
    startedAt: BEGIN.has(step) ? (state.startedAt ?? at) : state.startedAt,
    finishedAt: ended ? at : null,
  };
}

/** Whether a run begins again that had failed or was cancelled; one in RETRYING does so by going on. */
function startsAgain(state: RunState, event: RunEvent): boolean {
  const goesOn = state.status === "RETRYING" && event.type !== `${RUN}retrying`;
  return (state.finishedAt !== null || goesOn || event.data.retry === true) && !isRunEnd(event.type);
}

/** The nodes of which a retry has forgotten everything; left out of the event where they are too many. */
function again(event: RunEvent): readonly string[] {
  return (event.data.again as string[] | undefined) ?? [];
}

function isOtherVersion(state: RunState, event: RunEvent): boolean {
  const version = number(event.data.version);
  return version !== undefined && state.version !== null && version !== state.version;
}

/** Edges are known by their places in a version's graph. */
function forgetEdges(nodes: Map<string, NodeView>): void {
  for (const [id, view] of nodes) nodes.set(id, { ...view, edges: {} });
}

/** A retry keeps what has COMPLETED, was left out by a branch or failed with somebody to handle it; the rest comes again. */
function forgetUnfinished(nodes: Map<string, NodeView>): void {
  for (const [id, view] of nodes) {
    const last = view.laps.at(-1);
    if (!last) continue;
    const again =
      !END.has(last.status.toLowerCase()) ||
      (last.status === "FAILED" && !Object.values(view.edges).includes("taken")) ||
      last.status === "CANCELLED" ||
      (last.status === "SKIPPED" && last.reason?.code !== "branch_not_taken");
    if (!again) continue;
    const laps = view.laps.slice(0, -1);
    if (laps.length > 0) nodes.set(id, { ...view, laps, edges: {} });
    else nodes.delete(id);
  }
}

function nodeAfter(view: NodeView | undefined, event: RunEvent, id: string): NodeView {
  const iteration = number(event.data.iteration) ?? 0;
  const before = view?.laps ?? [];
  const at = before.findIndex((lap) => lap.iteration >= iteration);
  const place = at < 0 ? before.length : at;
  const known = before[place]?.iteration === iteration;
  const lap = lapAfter(known ? before[place] : undefined, event, iteration);
  const laps = [...before];
  laps.splice(place, known ? 1 : 0, lap);
  const fates = event.data.edges as Record<string, EdgeFate> | undefined;
  const changed = PASSING.has(event.type) ? (view?.changed ?? 0) : event.seq;
  return { id, laps, edges: fates ? { ...view?.edges, ...fates } : (view?.edges ?? {}), seq: event.seq, changed };
}

function lapAfter(lap: Lap | undefined, event: RunEvent, iteration: number): Lap {
  const { data, at } = event;
  const step = event.type.slice(NODE.length);
  const base = lap ?? blankLap(iteration);
  const next: Lap = {
    ...base,
    seq: event.seq,
    path: (data.path as number[] | undefined) ?? base.path,
    status: NODE_STATUS[step] ?? base.status,
    attempt: number(data.attempt) ?? base.attempt,
    reason: (data.reason as Reason | undefined) ?? (NODE_STATUS[step] ? null : base.reason),
    wakeAt: NODE_STATUS[step] ? text(data.wake_at ?? data.retry_at) : base.wakeAt,
  };
  if (step === "started") {
    return { ...next, startedAt: base.startedAt && !base.finishedAt ? base.startedAt : at, finishedAt: null, tokens: "", made: null };
  }
  if (step === "progress") return withProgress(next, progressOf(data) ?? {});
  if (step === "token") return { ...next, tokens: base.tokens + String(data.text ?? "") };
  if ("error" in data) next.error = data.error as Failure | null;
  if (!END.has(step)) return next;
  return {
    ...next,
    output: data.output,
    made: data.reused === true ? "reused" : data.overridden === true ? "overridden" : null,
    error: step === "completed" && !("error" in data) ? null : next.error,
    finishedAt: data.overridden === true ? (base.finishedAt ?? at) : at,
    durationMs: number(data.duration_ms) ?? (data.overridden === true ? base.durationMs : null),
    truncated: data.truncated === true,
  };
}

/** A map whose items waited says only by its progress that it works again. */
function withProgress(lap: Lap, progress: NodeProgress): Lap {
  const moves = lap.status === "WAITING" && (progress.done ?? 0) > (lap.progress?.done ?? 0);
  return moves ? { ...lap, progress, status: "RUNNING", reason: null, wakeAt: null } : { ...lap, progress };
}

function blankLap(iteration: number): Lap {
  return {
    iteration,
    path: [],
    status: "PENDING",
    attempt: 1,
    progress: null,
    output: undefined,
    error: null,
    reason: null,
    wakeAt: null,
    startedAt: null,
    finishedAt: null,
    durationMs: null,
    truncated: false,
    tokens: "",
    made: null,
    seq: 0,
  };
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
