import { EventLog } from "./event-log.ts";
import type { NodeRow, RunEvent } from "./protocol.ts";
import { reduceAll } from "./reduce.ts";
import { RunStream, type StreamOptions } from "./run-stream.ts";
import { afterRetry, EMPTY, type NodeView, type RunState, viewsFromRows } from "./state.ts";

export type Connection = "connecting" | "live" | "resuming" | "stale" | "ended" | "refused";

const STALE_AFTER_FAILS = 3;

/** What tells that the network has come or gone; programs that are no pages have none. */
const page = globalThis as Partial<Pick<typeof globalThis, "addEventListener" | "removeEventListener">>;

/** Everything that is known about one run: its log, the state derived from it, and how the connection is. */
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

  private readonly url: string;
  private readonly options: StreamOptions;

  /** Of the run whose events are at `url`; reads nothing before it is opened. */
  constructor(url: string, options: StreamOptions = {}) {
    this.url = url;
    this.options = options;
  }

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

  /** Goes on behind events that are no longer kept: what they told is in the rows. */
  skip(pruned: number): void {
    if (pruned <= this.log.head) return;
    this.state = reduceAll({ ...EMPTY, seq: pruned }, this.log.skip(pruned));
    this.tell();
  }

  /** Takes the rows that were read after the last retry that the log has told of. */
  seed(rows: readonly NodeRow[]): void {
    this.rows = viewsFromRows(rows);
    if (this.state.retriedAt > 0) this.state = afterRetry(this.state, this.rows);
    this.tell();
  }

  /** Starts reading, or goes on after an end (a retry lengthens the log). */
  open(): void {
    if (this.stream) return;
    this.move(this.log.head > 0 ? "resuming" : "connecting");
    const handlers = {
      after: () => this.log.head,
      onEvents: (events: RunEvent[]) => this.apply(events),
      onOpen: () => this.move("live"),
      onLost: (fails: number) => this.move(fails >= STALE_AFTER_FAILS ? "stale" : "resuming"),
      onPruned: (seq: number) => this.skip(seq),
      onEnd: (refused: number | null) => this.ended(refused),
      isOver: () => this.state.finishedAt !== null,
    };
    this.stream = new RunStream(this.url, handlers, this.options);
    void this.stream.run();
    page.addEventListener?.("online", this.nudge);
    page.addEventListener?.("offline", this.nudge);
  }

  close(): void {
    page.removeEventListener?.("online", this.nudge);
    page.removeEventListener?.("offline", this.nudge);
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
