import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RunEvent } from "./protocol.ts";
import { EventLog } from "./event-log.ts";
import { isRunEnd } from "./reduce.ts";
import { RunStream, SILENCE_MS } from "./run-stream.ts";
import { FrameParser } from "./sse.ts";
import { loopRun, seeded } from "./sample.ts";

const print = (item: RunEvent) => `id: ${item.seq}\nevent: ${item.type}\ndata: ${JSON.stringify(item)}\n\n`;

describe("the frame parser", () => {
  it("[UI-1] gives the same frames however the bytes are cut", () => {
    const text = `retry: 1000\n\n: hello\n\n${loopRun().map(print).join("")}data: a\ndata: b\r\n\r\n`;
    const whole = new FrameParser().push(text);
    expect(whole).toHaveLength(loopRun().length + 1);
    expect(whole.at(-1)!.data).toBe("a\nb");
    for (let seed = 1; seed <= 100; seed++) {
      const random = seeded(seed);
      const parser = new FrameParser();
      const frames = [];
      for (let at = 0; at < text.length; ) {
        const next = at + 1 + Math.floor(random() * 40);
        frames.push(...parser.push(text.slice(at, next)));
        at = next;
      }
      expect(frames).toEqual(whole);
    }
  });
});

describe("the run stream", () => {
  const events = loopRun();
  let asked: number[] = [];

  beforeEach(() => {
    asked = [];
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  /** A server that says at most `chunk` events, and then ends, breaks or falls silent. */
  function serve(chunk: number, ending: "close" | "error" | "silence"): void {
    vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
      const after = Number((init.headers as Record<string, string>)["Last-Event-ID"] ?? 0);
      asked.push(after);
      if (after >= events.length) return new Response(null, { status: 204 });
      const body = new ReadableStream({
        start(out) {
          out.enqueue(new TextEncoder().encode(events.slice(after, after + chunk).map(print).join("")));
          init.signal!.addEventListener("abort", () => out.error(new Error("aborted")));
          if (ending === "close") out.close();
          if (ending === "error") setTimeout(() => out.error(new Error("cut")), 10);
        },
      });
      return new Response(body, { status: 200 });
    });
  }

  async function read() {
    const log = new EventLog();
    const lost: number[] = [];
    const ended = vi.fn();
    const stream = new RunStream("/events", {
      after: () => log.head,
      onEvents: (items) => void log.add(items),
      onOpen: () => undefined,
      onLost: (fails) => lost.push(fails),
      onPruned: (seq) => void log.skip(seq),
      onEnd: ended,
      isOver: () => isRunEnd(log.events.at(-1)?.type ?? ""),
    });
    void stream.run();
    for (let i = 0; i < 600 && ended.mock.calls.length === 0; i++) await vi.advanceTimersByTimeAsync(1000);
    stream.stop();
    return { log, lost, ended };
  }

  for (const ending of ["close", "error", "silence"] as const) {
    it(`[UI-1] has every event once when each connection ends by ${ending}`, async () => {
      serve(4, ending);
      const { log, ended } = await read();
      expect(log.events).toEqual(events);
      expect(ended).toHaveBeenCalledExactlyOnceWith(null);
      expect(asked.slice(0, 3)).toEqual([0, 4, 8]);
    });
  }

  it("[UI-4] notices silence within 20 s", () => {
    expect(SILENCE_MS).toBeLessThan(20_000);
    expect(SILENCE_MS).toBeGreaterThan(15_000);
  });

  it("[UI-4] goes on trying while the server is away, ever more slowly, and gives up when it is refused", async () => {
    let calls = 0;
    vi.stubGlobal("fetch", async () => {
      calls += 1;
      if (calls < 6) throw new TypeError("network");
      return new Response(null, { status: 404 });
    });
    const { lost, ended } = await read();
    expect(lost).toEqual([1, 2, 3, 4, 5]);
    expect(ended).toHaveBeenCalledExactlyOnceWith(404);
  });
});
