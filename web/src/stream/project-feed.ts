import { backoff } from "./backoff.ts";
import type { RunEvent, RunHead } from "./protocol.ts";

/** "polling" says that there is no connection now, so that the page asks instead. */
export type FeedConnection = "connecting" | "live" | "polling";

const PROTOCOL = "graphwright.v1";
const REFUSALS: ReadonlySet<number> = new Set([4401, 4404]);
const PING_MS = 10_000;
const SILENCE_MS = 19_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** Of so many runs the server takes the place to go on from. */
const MOST_PLACES = 1_000;
const OPEN = 1;

/** The part of a WebSocket that a feed uses. */
export interface Socket {
  readonly readyState: number;
  onopen: (() => void) | null;
  onmessage: ((message: { data: string }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface FeedHandlers {
  /** Events of each run in order, each once. */
  onEvent: (event: RunEvent) => void;
  onConnection: (connection: FeedConnection) => void;
  /** The runs of the subscription as they stand, after each connection: what follows comes as events. */
  onSnapshot?: (runs: readonly RunHead[]) => void;
  /** The server has refused the key (4401) or knows no such project (4404). The feed waits to be reconnected. */
  onRefused?: (code: number, key: string | null) => void;
}

export interface FeedOptions {
  /** The API key, asked for at each connection; null where the server wants none. */
  key?: () => string | null;
  /** Ids of the runs that are wanted; all of the project, also those to come, unless given. */
  runs?: readonly string[];
  /** The seqs after which to begin, by run; a run that is not named begins after what the first snapshot says. */
  after?: Readonly<Record<string, number>>;
  /** In place of the global WebSocket. */
  open?: (url: string, protocols: string[]) => Socket;
}

type Message = RunEvent | { type: "snapshot"; runs: RunHead[] } | { type: "pong" | "lagged" | "error" };

/** The live events of a project over its WebSocket; after a break each run goes on where it was left. */
export class ProjectFeed {
  private readonly url: string;
  private readonly handlers: FeedHandlers;
  private readonly options: FeedOptions;
  /** The last seq of each run, the run of the newest event last. */
  private readonly places: Map<string, number>;
  private socket: Socket | null = null;
  private closed = false;
  private fails = 0;
  private heard = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly pinger: ReturnType<typeof setInterval>;

  constructor(url: string, handlers: FeedHandlers, options: FeedOptions = {}) {
    this.url = url;
    this.handlers = handlers;
    this.options = options;
    this.places = new Map(Object.entries(options.after ?? {}));
    this.pinger = setInterval(() => this.ping(), PING_MS);
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.pinger);
    clearTimeout(this.retry);
    this.socket?.close();
  }

  /** Connects at once where there is no connection: with another key, or when the network is back. */
  reconnect(): void {
    if (this.closed || this.socket?.readyState === OPEN) return;
    clearTimeout(this.retry);
    this.fails = 0;
    const { socket } = this;
    this.socket = null;
    socket?.close();
    this.connect();
  }

  private connect(): void {
    const key = this.options.key?.() ?? null;
    const socket = this.dial(key === null ? [PROTOCOL] : [PROTOCOL, `bearer.${key}`]);
    this.socket = socket;
    this.heard = Date.now();
    let live = false;
    socket.onopen = () => {
      this.heard = Date.now();
      socket.send(JSON.stringify({ type: "subscribe", runs: this.options.runs ?? "*", after: Object.fromEntries(this.places) }));
    };
    // A socket may open only to be told that the key is wrong; an answer is what counts.
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heard = Date.now();
      this.fails = 0;
      if (!live) this.handlers.onConnection("live");
      live = true;
      this.take(JSON.parse(data) as Message);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.socket || this.closed) return;
      this.socket = null;
      this.handlers.onConnection("polling");
      if (REFUSALS.has(code)) this.handlers.onRefused?.(code, key);
      else this.later();
    };
  }

  private dial(protocols: string[]): Socket {
    return this.options.open?.(this.url, protocols) ?? (new WebSocket(this.url, protocols) as unknown as Socket);
  }

  private take(message: Message): void {
    if (message.type === "snapshot" && "runs" in message) this.begin(message.runs);
    else if ("seq" in message) this.tell(message);
  }

  /** Runs that are new to us begin where the snapshot says, and so do those whose next events are no longer kept. */
  private begin(runs: readonly RunHead[]): void {
    for (const { id, last_seq: last, pruned_seq: pruned = 0 } of runs) {
      this.places.set(id, Math.max(this.places.get(id) ?? last, pruned));
    }
    this.handlers.onSnapshot?.(runs);
  }

  private tell(event: RunEvent): void {
    const place = this.places.get(event.run_id);
    if (place !== undefined && event.seq <= place) return;
    // What lies between is still in the log: the next connection asks for it.
    if (place !== undefined && event.seq > place + 1) return this.drop();
    this.places.delete(event.run_id);
    this.places.set(event.run_id, event.seq);
    if (this.places.size > MOST_PLACES) this.places.delete(this.places.keys().next().value!);
    this.handlers.onEvent(event);
  }

  /** Leaves the connection for a new one. */
  private drop(): void {
    const { socket } = this;
    this.socket = null;
    socket?.close();
    if (this.closed || !socket) return;
    this.handlers.onConnection("polling");
    this.later();
  }

  private later(): void {
    this.fails += 1;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), backoff(this.fails, LONGEST_PAUSE_MS, FIRST_PAUSE_MS));
  }

  private ping(): void {
    const { socket } = this;
    if (!socket) return;
    if (Date.now() - this.heard > SILENCE_MS) this.drop();
    else if (socket.readyState === OPEN) socket.send(JSON.stringify({ type: "ping" }));
  }
}
