import type { Socket } from "./project-feed.ts";
import type { RunEvent, RunHead } from "./protocol.ts";

/** For tests: how one socket goes. */
export interface Line {
  opens: boolean;
  /** So many events come before its end. */
  events: number;
  /** Which run speaks next, over and over. */
  order: number[];
  twice: number;
  lost: number;
  ending: "close" | "silence";
}

const WELL: Line = { opens: true, events: Infinity, order: [0, 1, 2], twice: Infinity, lost: Infinity, ending: "silence" };
const OPEN = 1;
const CLOSED = 3;

/** For tests: a server of a project's socket whose connections go as they are told to, and well when all have been told. */
export class LinkedServer {
  private readonly logs: readonly (readonly RunEvent[])[];
  private readonly lines: Line[];

  constructor(logs: readonly (readonly RunEvent[])[], lines: readonly Line[]) {
    this.logs = logs;
    this.lines = [...lines];
  }

  open = (): Socket => {
    const line = this.lines.shift() ?? WELL;
    const socket = new FakeSocket((text) => {
      const message = JSON.parse(text) as { type: string; after?: Record<string, number> };
      if (message.type === "ping" && line.ending !== "silence") socket.say({ type: "pong" });
      if (message.type === "subscribe") this.tell(socket, line, message.after ?? {});
    });
    setTimeout(() => (line.opens ? socket.begin() : socket.end(1006)), 5);
    return socket;
  };

  private tell(socket: FakeSocket, line: Line, after: Record<string, number>): void {
    const heads = this.logs.map((log): RunHead => ({ id: log[0]!.run_id, workflow_id: "w", status: "RUNNING", last_seq: log.length }));
    socket.say({ type: "snapshot", runs: heads });
    const rest = this.logs.map((log) => log.slice(after[log[0]!.run_id]));
    let said = 0;
    for (let turn = 0; said < line.events && rest.some((log) => log.length > 0); turn++) {
      const wanted = rest[line.order[turn % line.order.length]! % rest.length]!;
      const event = (wanted.length > 0 ? wanted : rest.find((log) => log.length > 0)!).shift()!;
      said += 1;
      if (said % line.lost === 0) continue;
      socket.say(event);
      if (said % line.twice === 0) socket.say(event);
    }
    if (line.ending === "close") setTimeout(() => socket.end(1012), 20);
  }
}

class FakeSocket implements Socket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  private readonly hear: (text: string) => void;

  constructor(hear: (text: string) => void) {
    this.hear = hear;
  }

  begin(): void {
    if (this.readyState === CLOSED) return;
    this.readyState = OPEN;
    this.onopen?.();
  }

  say(message: unknown): void {
    if (this.readyState === OPEN) this.onmessage?.({ data: JSON.stringify(message) });
  }

  send(text: string): void {
    this.hear(text);
  }

  close(): void {
    this.end(1000);
  }

  end(code: number): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.onclose?.({ code });
  }
}
