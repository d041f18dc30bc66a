import type { EdgeFate, Failure, NodeProgress, NodeStatus, Reason, RunEvent, RunStatus } from "./protocol.ts";
import { EMPTY, type Lap, type NodeView, progressOf, type RunState } from "./state.ts";

type Draft<T> = { -readonly [K in keyof T]: T[K] };
type Nodes = Map<string, NodeView>;
/** What this batch of events has made, and may change: nobody else has seen it. */
type Ours = Set<NodeView | Lap>;

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
  const nodes: Nodes = new Map(state.nodes);
  const ours: Ours = new Set();
  let next: RunState = { ...state, nodes };
  for (const event of fresh) {
    if (event.type.startsWith(NODE) && event.node_id !== null) {
      tellNode(nodes, ours, event, event.node_id);
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

/** Changes the view of a node and the lap that the event is about, both copied first unless this batch has done so. */
function tellNode(nodes: Nodes, ours: Ours, event: RunEvent, id: string): void {
  const known = nodes.get(id);
  let view = known as Draft<NodeView> & { laps: Lap[] };
  if (!known || !ours.has(known)) {
    view = known ? { ...known, laps: [...known.laps] } : { id, laps: [], edges: {}, seq: 0, changed: 0 };
    nodes.set(id, view);
    ours.add(view);
  }
  advance(lapOf(view.laps, ours, number(event.data.iteration) ?? 0), event);
  const fates = event.data.edges as Record<string, EdgeFate> | undefined;
  if (fates) view.edges = { ...view.edges, ...fates };
  if (!PASSING.has(event.type)) view.changed = event.seq;
  view.seq = event.seq;
}

function lapOf(laps: Lap[], ours: Ours, iteration: number): Draft<Lap> {
  let place = laps.length;
  while (place > 0 && laps[place - 1]!.iteration >= iteration) place -= 1;
  const known = laps[place]?.iteration === iteration ? laps[place]! : null;
  if (known && ours.has(known)) return known;
  const lap = known ? { ...known } : blankLap(iteration);
  laps.splice(place, known ? 1 : 0, lap);
  ours.add(lap);
  return lap;
}

function advance(lap: Draft<Lap>, { type, seq, at, data }: RunEvent): void {
  const step = type.slice(NODE.length);
  const status = NODE_STATUS[step];
  lap.seq = seq;
  lap.path = (data.path as number[] | undefined) ?? lap.path;
  lap.attempt = number(data.attempt) ?? lap.attempt;
  lap.reason = (data.reason as Reason | undefined) ?? (status ? null : lap.reason);
  if (status) {
    lap.status = status;
    lap.wakeAt = text(data.wake_at ?? data.retry_at);
  }
  if (step === "started") begin(lap, at);
  else if (step === "progress") progress(lap, progressOf(data) ?? {});
  else if (step === "token") lap.tokens += String(data.text ?? "");
  else {
    if ("error" in data) lap.error = data.error as Failure | null;
    if (END.has(step)) end(lap, step, at, data);
  }
}

function begin(lap: Draft<Lap>, at: string): void {
  if (!lap.startedAt || lap.finishedAt) lap.startedAt = at;
  lap.finishedAt = null;
  lap.tokens = "";
  lap.made = null;
}

function end(lap: Draft<Lap>, step: string, at: string, data: RunEvent["data"]): void {
  const overridden = data.overridden === true;
  lap.output = data.output;
  lap.made = data.reused === true ? "reused" : overridden ? "overridden" : null;
  if (step === "completed" && !("error" in data)) lap.error = null;
  lap.finishedAt = overridden ? (lap.finishedAt ?? at) : at;
  lap.durationMs = number(data.duration_ms) ?? (overridden ? lap.durationMs : null);
  lap.truncated = data.truncated === true;
}

/** A map whose items waited says only by its progress that it works again. */
function progress(lap: Draft<Lap>, told: NodeProgress): void {
  if (lap.status === "WAITING" && (told.done ?? 0) > (lap.progress?.done ?? 0)) {
    lap.status = "RUNNING";
    lap.reason = null;
    lap.wakeAt = null;
  }
  lap.progress = told;
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
