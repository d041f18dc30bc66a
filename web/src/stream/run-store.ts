import type { NodeState, RunEvent } from "../api/types";
import { EventLog } from "./event-log";
import { reduceAll } from "./reduce";
import { RunStream } from "./run-stream";
import { afterRetry, EMPTY, type NodeView, type RunState, viewsFromRows } from "./state";

export type Connection = "connecting" | "live" | "resuming" | "stale" | "ended" | "refused";

const STALE_AFTER_FAILS = 3;

/** Everything the page knows about one run: its log, the state derived from it, and how the connection is. */
export class RunStore {
  readonly log = new EventLog();
  state: RunState = EMPTY;
  connection: Connection = "connecting";
  lastHeard: number | null = null;
  /** Grows with everything that is learnt. */
  version = 0;
  private rows: ReadonlyMap<string, NodeView> = new Map();
  private stream: RunStream | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly url: string) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** What is known of a node: from its events, else from the rows that were read beside the log. */
  node(id: string): NodeView | undefined {
    return this.state.nodes.get(id) ?? this.rows.get(id);
  }

  apply(events: readonly RunEvent[]): void {
    const { retriedAt } = this.state;
    this.state = reduceAll(this.state, this.log.add(events));
    if (this.state.retriedAt !== retriedAt) this.rows = new Map();
    this.lastHeard = Date.now();
    this.tell();
  }

  /** Takes the rows that were read after the last retry that the log has told of. */
  seed(rows: readonly NodeState[]): void {
    this.rows = viewsFromRows(rows);
    if (this.state.retriedAt > 0) this.state = afterRetry(this.state, this.rows);
    this.tell();
  }

  /** Starts reading, or goes on after an end (a retry lengthens the log). */
  open(): void {
    if (this.stream) return;
    this.move(this.log.head > 0 ? "resuming" : "connecting");
    this.stream = new RunStream(this.url, {
      after: () => this.log.head,
      onEvents: (events) => this.apply(events),
      onOpen: () => this.move("live"),
      onLost: (fails) => this.move(fails >= STALE_AFTER_FAILS ? "stale" : "resuming"),
      onEnd: (refused) => this.ended(refused),
      isOver: () => this.state.finishedAt !== null,
    });
    void this.stream.run();
    window.addEventListener("online", this.nudge);
    window.addEventListener("offline", this.nudge);
  }

  close(): void {
    window.removeEventListener("online", this.nudge);
    window.removeEventListener("offline", this.nudge);
    this.stream?.stop();
    this.stream = null;
  }

  nudge = (): void => this.stream?.reconnect();

  private ended(refused: number | null): void {
    this.close();
    this.move(refused === null ? "ended" : "refused");
  }

  private move(connection: Connection): void {
    this.connection = connection;
    if (connection === "live") this.lastHeard = Date.now();
    this.tell();
  }

  private tell(): void {
    this.version += 1;
    for (const listener of this.listeners) listener();
  }
}
