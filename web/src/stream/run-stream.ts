import { backoff } from "./backoff.ts";
import type { RunEvent } from "./protocol.ts";
import { FrameParser } from "./sse.ts";

/** How long a stream may be silent; the server sends a comment every 15 s. */
export const SILENCE_MS = 18_000;
const LONGEST_PAUSE_MS = 5_000;
const LONGEST_ASKED_MS = 30_000;
const GONE = 410;

export interface StreamOptions {
  /** Headers of each request, such as Authorization; asked for anew each time. */
  headers?: () => Record<string, string>;
  /** In place of the global fetch. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

export interface StreamHandlers {
  /** The seq after which to go on. */
  after: () => number;
  onEvents: (events: RunEvent[]) => void;
  onOpen: () => void;
  /** `fails` counts the attempts since the stream was last open. */
  onLost: (fails: number) => void;
  /** Events up to this seq are no longer kept; the stream goes on behind them. */
  onPruned: (seq: number) => void;
  /** Nothing more will come: the run has ended, or the server refuses for good, with this status. */
  onEnd: (refused: number | null) => void;
  /** Whether the events seen so far tell the end of the run. */
  isOver: () => boolean;
}

/** How one connection has ended: try again, go on at once, or leave it, refused or not. */
type Outcome = { again: true; pauseMs: number | null } | "now" | { refused: number | null };

/** Reads a run's server-sent events until its end, whatever the network does: resumes by seq, with a growing pause. */
export class RunStream {
  private readonly url: string;
  private readonly handlers: StreamHandlers;
  private readonly options: StreamOptions;
  private stopped = false;
  private abort = new AbortController();
  private wake: (() => void) | null = null;
  private fails = 0;

  constructor(url: string, handlers: StreamHandlers, options: StreamOptions = {}) {
    this.url = url;
    this.handlers = handlers;
    this.options = options;
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      const outcome = await this.attempt();
      if (this.stopped) return;
      if (outcome === "now") continue;
      if ("refused" in outcome) return this.handlers.onEnd(outcome.refused);
      if (this.handlers.isOver()) return this.handlers.onEnd(null);
      this.fails += 1;
      this.handlers.onLost(this.fails);
      await this.pause(Math.max(backoff(this.fails, LONGEST_PAUSE_MS), Math.min(outcome.pauseMs ?? 0, LONGEST_ASKED_MS)));
    }
  }

  stop(): void {
    this.stopped = true;
    this.abort.abort();
    this.wake?.();
  }

  /** Drops the connection, if any, and tries again at once. */
  reconnect(): void {
    this.abort.abort();
    this.wake?.();
  }

  private async attempt(): Promise<Outcome> {
    this.abort = new AbortController();
    const { signal } = this.abort;
    const parser = new FrameParser();
    let silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
    try {
      const ask = this.options.fetch ?? fetch;
      const response = await ask(this.url, { headers: this.headers(), signal, cache: "no-store" });
      if (response.status === GONE) return await this.gone(response);
      if (response.status === 204) return { refused: null };
      if (!response.ok || !response.body) return refusal(response);
      this.handlers.onOpen();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(silence);
        silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
        this.take(parser.push(value).map((frame) => JSON.parse(frame.data) as RunEvent));
        this.fails = 0;
      }
    } catch {
      // Aborted, refused or cut, or not what was agreed: all of them mean to try again from the last seq.
      this.abort.abort();
    } finally {
      clearTimeout(silence);
    }
    return { again: true, pauseMs: parser.retryMs };
  }

  private take(events: RunEvent[]): void {
    if (events.length === 0) return;
    let known = this.handlers.after();
    for (const { seq } of events) {
      if (seq > known + 1) throw new Error(`Events are missing after ${known}.`);
      known = Math.max(known, seq);
    }
    this.handlers.onEvents(events);
  }

  /** A server that no longer keeps what was asked for says from where it does. */
  private async gone(response: Response): Promise<Outcome> {
    const { pruned_seq: pruned } = (await response.json()) as { pruned_seq?: number };
    if (pruned === undefined || pruned <= this.handlers.after()) return { refused: GONE };
    this.handlers.onPruned(pruned);
    return "now";
  }

  private headers(): Record<string, string> {
    const after = this.handlers.after();
    const resume: Record<string, string> = after > 0 ? { "Last-Event-ID": String(after) } : {};
    return { Accept: "text/event-stream", ...this.options.headers?.(), ...resume };
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      this.wake = done;
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
    });
  }
}

function refusal(response: Response): Outcome {
  if (response.status < 500 && response.status !== 429) return { refused: response.status };
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  return { again: true, pauseMs: Number.isFinite(seconds) ? seconds * 1000 : null };
}
