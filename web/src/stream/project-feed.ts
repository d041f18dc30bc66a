import { apiKey } from "../api/key";
import type { RunEvent } from "../api/types";

export type FeedConnection = "connecting" | "live" | "polling";

const PROTOCOL = "graphwright.v1";
const NO_KEY = 4401;
const PING_MS = 10_000;
const SILENCE_MS = 19_000;
const LONGEST_PAUSE_MS = 15_000;

interface FeedHandlers {
  onEvent: (event: RunEvent) => void;
  onConnection: (connection: FeedConnection) => void;
}

/** The live events of a project over its WebSocket; says "polling" while there is none, so that the page asks instead. */
export class ProjectFeed {
  private socket: WebSocket | null = null;
  private closed = false;
  private fails = 0;
  private heard = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly unsubscribe: () => void;
  private readonly pinger: ReturnType<typeof setInterval>;

  constructor(
    private readonly url: string,
    private readonly handlers: FeedHandlers,
  ) {
    this.pinger = setInterval(() => this.ping(), PING_MS);
    this.connect();
    this.unsubscribe = apiKey.subscribe(() => this.reconnect());
  }

  close(): void {
    this.closed = true;
    this.unsubscribe();
    clearInterval(this.pinger);
    clearTimeout(this.retry);
    this.socket?.close();
  }

  private connect(): void {
    const key = apiKey.get();
    const socket = new WebSocket(this.url, key ? [PROTOCOL, `bearer.${key}`] : [PROTOCOL]);
    this.socket = socket;
    let live = false;
    socket.onopen = () => {
      this.heard = Date.now();
      socket.send(JSON.stringify({ type: "subscribe", runs: "*" }));
    };
    // A socket may open only to be told that the key is wrong; an answer is what counts.
    socket.onmessage = (message: MessageEvent<string>) => {
      this.heard = Date.now();
      this.fails = 0;
      if (!live) this.handlers.onConnection("live");
      live = true;
      const body = JSON.parse(message.data) as RunEvent;
      if (body.type.startsWith("workflow.")) this.handlers.onEvent(body);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket || this.closed) return;
      this.handlers.onConnection("polling");
      if (event.code === NO_KEY) apiKey.refused(key);
      else this.retryLater();
    };
  }

  private retryLater(): void {
    this.fails += 1;
    this.retry = setTimeout(() => this.connect(), Math.min(1000 * 2 ** (this.fails - 1), LONGEST_PAUSE_MS));
  }

  /** Does not wait for the pause to end when a new key may open the door. */
  private reconnect(): void {
    if (apiKey.isWanted() || this.socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.retry);
    this.fails = 0;
    this.socket?.close();
    this.connect();
  }

  private ping(): void {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.heard > SILENCE_MS) socket.close();
    else socket.send(JSON.stringify({ type: "ping" }));
  }
}

export function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
