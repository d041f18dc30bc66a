import type { RunEvent } from "./protocol.ts";

/** For tests: how one connection goes. */
export interface Connection {
  answer: "stream" | "unreachable" | "500" | "503" | "429";
  bytes: number;
  chunk: number;
  again: number;
  ending: "close" | "error" | "silence";
}

const WELL: Connection = { answer: "stream", bytes: Infinity, chunk: 64_000, again: 0, ending: "close" };

export const frame = (item: RunEvent): string => `id: ${item.seq}\nevent: ${item.type}\ndata: ${JSON.stringify(item)}\n\n`;

/** For tests: a server of one run's stream whose connections go as they are told to, and well when all have been told. */
export class StreamServer {
  private readonly events: readonly RunEvent[];
  private readonly connections: Connection[];
  private readonly pruned: number;

  constructor(events: readonly RunEvent[], connections: readonly Connection[], pruned = 0) {
    this.events = events;
    this.connections = [...connections];
    this.pruned = pruned;
  }

  fetch = async (_: string, init: RequestInit): Promise<Response> => {
    const after = Number((init.headers as Record<string, string>)["Last-Event-ID"] ?? 0);
    const connection = this.connections.shift() ?? WELL;
    if (connection.answer === "unreachable") throw new TypeError("network");
    if (connection.answer !== "stream") return new Response(null, { status: Number(connection.answer), headers: { "Retry-After": "2" } });
    if (after >= this.events.length) return new Response(null, { status: 204 });
    if (after < this.pruned) return Response.json({ code: "events_pruned", pruned_seq: this.pruned }, { status: 410 });
    const from = Math.max(this.pruned, after - connection.again);
    return new Response(body(this.events.slice(from), connection, init.signal!), { status: 200 });
  };
}

function body(events: readonly RunEvent[], { bytes, chunk, ending }: Connection, signal: AbortSignal): ReadableStream<Uint8Array<ArrayBuffer>> {
  const text = new TextEncoder().encode(`retry: 1000\n\n${events.map(frame).join("")}`);
  const told = text.slice(0, Math.min(bytes, text.length));
  const whole = told.length === text.length;
  return new ReadableStream({
    start(out) {
      for (let at = 0; at < told.length; at += chunk) out.enqueue(told.slice(at, at + chunk));
      signal.addEventListener("abort", () => out.error(new Error("aborted")));
      if (whole || ending === "close") out.close();
      else if (ending === "error") setTimeout(() => out.error(new Error("cut")), 10);
    },
  });
}
