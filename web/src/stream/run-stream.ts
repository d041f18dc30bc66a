import { authorization } from "../api/key";
import type { RunEvent } from "../api/types";
import { FrameParser } from "./sse";

/** How long a stream may be silent; the server sends a comment every 15 s. */
export const SILENCE_MS = 18_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

export interface StreamHandlers {
  /** The seq after which to go on. */
  after: () => number;
  onEvents: (events: RunEvent[]) => void;
  onOpen: () => void;
  /** `fails` counts the attempts since the stream was last open. */
  onLost: (fails: number) => void;
  /** Nothing more will come: the run has ended, or the server refuses for good. */
  onEnd: (refused: number | null) => void;
  /** Whether the events seen so far tell the end of the run. */
  isOver: () => boolean;
}

/** Reads a run's events until its end, whatever the network does: resumes by seq, with a growing pause. */
export class RunStream {
  private stopped = false;
  private abort = new AbortController();
  private wake: (() => void) | null = null;
  private fails = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: StreamHandlers,
  ) {}

  async run(): Promise<void> {
    while (!this.stopped) {
      const outcome = await this.attempt();
      if (this.stopped) return;
      if (outcome !== "again" || this.handlers.isOver()) return this.handlers.onEnd(outcome === "again" ? null : outcome);
      this.fails += 1;
      this.handlers.onLost(this.fails);
      await this.pause(Math.min(FIRST_PAUSE_MS * 2 ** (this.fails - 1), LONGEST_PAUSE_MS));
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

  private async attempt(): Promise<"again" | number | null> {
    this.abort = new AbortController();
    const { signal } = this.abort;
    let silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
    try {
      const response = await fetch(this.url, { headers: this.headers(), signal, cache: "no-store" });
      if (response.status === 204) return null;
      if (!response.ok || !response.body) return response.status >= 500 || response.status === 429 ? "again" : response.status;
      this.handlers.onOpen();
      this.fails = 0;
      const parser = new FrameParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "again";
        clearTimeout(silence);
        silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
        const events = parser.push(value).map((frame) => JSON.parse(frame.data) as RunEvent);
        if (events.length > 0) this.handlers.onEvents(events);
      }
    } catch {
      // Aborted, refused or cut: all of them mean to try again from the last seq.
      return "again";
    } finally {
      clearTimeout(silence);
    }
  }

  private headers(): Record<string, string> {
    const after = this.handlers.after();
    const resume: Record<string, string> = after > 0 ? { "Last-Event-ID": String(after) } : {};
    return { Accept: "text/event-stream", ...authorization(), ...resume };
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
