import type { Run, RunEvent, Status } from "../../api/types";
import type { NodeView } from "../../stream/state";
import { statusOfEvent } from "../event-text";

export type Kind = "queued" | "running" | "waiting" | "retrying";

/** What a turn of a node, or the run, did for a while; times in ms since 1970. */
export interface Span {
  kind: Kind;
  from: number;
  /** Null while it lasts. */
  to: number | null;
  attempt: number;
  /** What came of an attempt; null while it lasts, and for what is no attempt. */
  outcome: Status | null;
  why: string;
}

/** One turn of a node; of the run itself where `node` is null. */
export interface Row {
  key: string;
  node: string | null;
  iteration: number;
  path: readonly number[];
  status: Status;
  made: boolean;
  spans: readonly Span[];
  /** How many items of a map are done. */
  done: number;
  /** When it is first told of. */
  at: number;
}

const NODE = "workflow.node.";
const ENDS: ReadonlySet<string> = new Set(["completed", "failed", "skipped", "cancelled"]);
const KINDS: Record<string, Kind> = { queued: "queued", started: "running", resumed: "running", waiting: "waiting", retrying: "retrying" };
/** Such a node is ready and nobody is there for it. */
const NO_WORKER = "waiting_for_worker";

/** When what happened, by the events of a run in their order; goes on where it was with those that come later. */
export class Timeline {
  readonly rows: Row[] = [];
  private readonly places = new Map<string, number>();
  private read = 0;

  /** Takes what a log holds by now; true if that was more than before. */
  take(events: readonly RunEvent[]): boolean {
    const before = this.read;
    for (; this.read < events.length; this.read++) this.add(events[this.read]!);
    return this.read > before;
  }

  private add(event: RunEvent): void {
    const step = event.type.slice(event.type.lastIndexOf(".") + 1);
    const about = event.type.startsWith(NODE) ? event.node_id : null;
    const at = Date.parse(event.at);
    const row = this.row(event, about, at);
    this.rows[this.places.get(row.key)!] = step === "progress" ? moved(row, event, at) : after(row, event, step, at);
    if (about === null && ENDS.has(step)) this.closeAll(at);
  }

  private row(event: RunEvent, node: string | null, at: number): Row {
    const iteration = typeof event.data.iteration === "number" ? event.data.iteration : 0;
    const key = node === null ? "" : `${node}/${iteration}`;
    const place = this.places.get(key);
    if (place !== undefined) return this.rows[place]!;
    const path = (event.data.path as number[] | undefined) ?? [];
    const row: Row = { key, node, iteration, path, status: "PENDING", made: false, spans: [], done: 0, at };
    this.places.set(key, this.rows.length);
    this.rows.push(row);
    return row;
  }

  /** Nothing of a run that has ended goes on. */
  private closeAll(at: number): void {
    for (const [place, row] of this.rows.entries()) {
      if (row.spans.at(-1)?.to === null) this.rows[place] = { ...row, spans: closed(row.spans, at, row.status) };
    }
  }
}

function after(row: Row, event: RunEvent, step: string, at: number): Row {
  const { data } = event;
  const status = statusOfEvent(event) ?? row.status;
  const reason = data.reason as { code?: string; message?: string } | null | undefined;
  const error = data.error as { message?: string } | null | undefined;
  const attempt = typeof data.attempt === "number" ? data.attempt : (row.spans.at(-1)?.attempt ?? 1);
  const why = error?.message ?? reason?.message ?? "";
  const made = data.reused === true || data.overridden === true;
  if (ENDS.has(step)) return { ...row, status, made, spans: made ? row.spans : closed(row.spans, at, status) };
  const kind = KINDS[step];
  if (!kind) return row;
  const spans = closed(row.spans, at, step === "retrying" ? "FAILED" : null);
  const span: Span = { kind: reason?.code === NO_WORKER ? "queued" : kind, from: at, to: null, attempt, outcome: null, why };
  return { ...row, status, made: false, spans: [...spans, span] };
}

/** A map whose items waited says only by its progress that it works again. */
function moved(row: Row, event: RunEvent, at: number): Row {
  const done = Number(event.data.done ?? 0);
  const last = row.spans.at(-1);
  if (last?.kind !== "waiting" || last.to !== null || done <= row.done) return { ...row, done };
  return { ...row, done, status: "RUNNING", spans: [...closed(row.spans, at, null), { ...last, kind: "running", from: at, why: "" }] };
}

function closed(spans: readonly Span[], at: number, outcome: Status | null): readonly Span[] {
  const last = spans.at(-1);
  if (!last || last.to !== null) return spans;
  return [...spans.slice(0, -1), { ...last, to: Math.max(at, last.from), outcome: last.kind === "running" ? outcome : null }];
}

/** Of nodes whose events are no longer kept: from begin to end, which is all that is known. */
export function rowsOfViews(views: readonly NodeView[], known: ReadonlySet<string>): Row[] {
  const found: Row[] = [];
  for (const { id, laps } of views) {
    for (const { iteration, path, status, startedAt, finishedAt, attempt, error, reason } of laps) {
      const key = `${id}/${iteration}`;
      if (!startedAt || known.has(key)) continue;
      const from = Date.parse(startedAt);
      const span: Span = { kind: "running", from, to: finishedAt ? Date.parse(finishedAt) : null, attempt, outcome: status, why: error?.message ?? reason?.message ?? "" };
      found.push({ key, node: id, iteration, path, status, made: false, spans: [span], done: 0, at: from });
    }
  }
  return found;
}

/** The same of a run whose own events are no longer kept. */
export function rowOfRun({ queued_at: queued, started_at: started, finished_at: finished, created_at: created, status, attempt, error }: Run): Row {
  const spans: Span[] = [];
  const common = { attempt, outcome: null, why: "" };
  const [begin, end] = [started && Date.parse(started), finished && Date.parse(finished)];
  if (queued) spans.push({ ...common, kind: "queued", from: Date.parse(queued), to: begin || end || null });
  if (begin) spans.push({ ...common, kind: "running", from: begin, to: end || null, outcome: end ? status : null, why: error?.message ?? "" });
  return { key: "", node: null, iteration: 0, path: [], status, made: false, spans, done: 0, at: Date.parse(created) };
}

/** How long the row did what, in ms. */
export function sums({ spans }: Row, now: number): Record<Kind, number> {
  const found: Record<Kind, number> = { queued: 0, running: 0, waiting: 0, retrying: 0 };
  for (const { kind, from, to } of spans) found[kind] += Math.max(0, (to ?? now) - from);
  return found;
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 864e5];

/** Marks for a scale of this length, at most so many, at round times since its begin. */
export function ticks(length: number, most: number): number[] {
  const days = Math.ceil(length / most / 864e5) * 864e5;
  const step = STEPS.find((size) => length / size <= most) ?? days;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step);
}
