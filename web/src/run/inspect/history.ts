import type { Failure, NodeStatus, RunEvent } from "../../api/types";

/** One try of one turn of a node. */
export interface Attempt {
  number: number;
  /** The seq of the event with which it began. */
  seq: number;
  startedAt: string;
  /** Null while it goes on. */
  endedAt: string | null;
  outcome: NodeStatus;
  error: Failure | null;
  /** When the next one was to begin. */
  againAt: string | null;
}

export interface LogLine {
  seq: number;
  at: string;
  level: string;
  message: string;
  fields: { [name: string]: unknown };
  attempt: number;
}

const OUTCOMES: Record<string, NodeStatus> = { retrying: "FAILED", failed: "FAILED", completed: "COMPLETED", cancelled: "CANCELLED", waiting: "WAITING" };

/** The events of one turn of a node, in their order. */
export function eventsOf(events: readonly RunEvent[], node: string, iteration: number): RunEvent[] {
  return events.filter((event) => event.node_id === node && (event.data.iteration ?? 0) === iteration);
}

/** The attempts of a turn. One that a lost worker has left goes on with the next. */
export function attempts(events: readonly RunEvent[]): Attempt[] {
  const found: Attempt[] = [];
  for (const event of events) {
    const step = event.type.slice(event.type.lastIndexOf(".") + 1);
    const number = typeof event.data.attempt === "number" ? event.data.attempt : 1;
    const last = found.at(-1);
    const error = (event.data.error as Failure | null | undefined) ?? null;
    if (step === "started") {
      if (last?.number === number && last.outcome === "WAITING") found[found.length - 1] = { ...last, endedAt: null, outcome: "RUNNING" };
      else found.push({ number, seq: event.seq, startedAt: event.at, endedAt: null, outcome: "RUNNING", error: null, againAt: null });
    } else if (last && OUTCOMES[step] && (last.endedAt === null || last.outcome === "WAITING")) {
      const againAt = typeof event.data.retry_at === "string" ? event.data.retry_at : null;
      found[found.length - 1] = { ...last, endedAt: event.at, outcome: OUTCOMES[step], error, againAt };
    }
  }
  return found;
}

export function logLines(events: readonly RunEvent[]): LogLine[] {
  return events
    .filter(({ type }) => type === "workflow.node.log")
    .map(({ seq, at, data }) => ({
      seq,
      at,
      level: String(data.level ?? "info"),
      message: String(data.message ?? ""),
      fields: (data.fields as LogLine["fields"] | undefined) ?? {},
      attempt: typeof data.attempt === "number" ? data.attempt : 1,
    }));
}
