import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { anyLog } from "./any-log.ts";
import { ProjectFeed } from "./project-feed.ts";
import type { RunEvent } from "./protocol.ts";
import { replay } from "./reduce.ts";
import { RunStore } from "./run-store.ts";
import { type Line, LinkedServer } from "./sample-socket.ts";
import { type Connection, StreamServer } from "./sample-stream.ts";

const RUNS = 60;

/** What may become of one connection that reads server-sent events. */
const connection: fc.Arbitrary<Connection> = fc.record({
  answer: fc.constantFrom("stream", "stream", "stream", "unreachable", "500", "503", "429"),
  /** Where it breaks, in bytes: in the middle of a frame, of a line, of a letter. */
  bytes: fc.nat({ max: 4000 }),
  chunk: fc.integer({ min: 1, max: 500 }),
  /** So many events before the place that was asked for come again. */
  again: fc.nat({ max: 4 }),
  ending: fc.constantFrom("close", "error", "silence"),
});

/** What may become of one socket. */
const line: fc.Arbitrary<Line> = fc.record({
  opens: fc.boolean(),
  events: fc.nat({ max: 30 }),
  order: fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 10 }),
  /** One in so many events is said twice, and one is left out. */
  twice: fc.integer({ min: 2, max: 9 }),
  lost: fc.integer({ min: 2, max: 40 }),
  ending: fc.constantFrom("close", "silence"),
});

describe("over any network", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function until(met: () => boolean): Promise<void> {
    for (let seconds = 0; seconds < 3000 && !met(); seconds++) await vi.advanceTimersByTimeAsync(1000);
    expect(met()).toBe(true);
  }

  it("[UI-43] a run's stream gives every event once, in order, and the state that they make", async () => {
    const scripts = fc.record({ events: anyLog(), connections: fc.array(connection, { maxLength: 8 }), pruned: fc.option(fc.nat(), { nil: 0 }) });
    await fc.assert(
      fc.asyncProperty(scripts, async ({ events, connections, pruned: wanted }) => {
        const pruned = wanted % events.length;
        const server = new StreamServer(events, connections, pruned);
        const store = new RunStore("/events", { fetch: server.fetch });
        store.open();
        // A run may have ended and been retried: the page opens its stream again when its row tells of more.
        store.subscribe(() => store.connection === "ended" && store.log.head < events.length && queueMicrotask(() => store.open()));
        await until(() => store.connection === "ended" && store.log.head === events.length);
        store.close();
        expect(store.log.events).toEqual(events.slice(store.log.pruned));
        expect(store.log.pruned).toBe(pruned);
        if (pruned === 0) expect(store.state).toEqual(replay(events));
      }),
      { numRuns: RUNS },
    );
  });

  it("[UI-43] a project's socket gives every event of every run once, in order, and goes on where it was left", async () => {
    const logs = fc.tuple(anyLog("r0", 20), anyLog("r1", 20), anyLog("r2", 20));
    const scripts = fc.record({ logs, lines: fc.array(line, { maxLength: 8 }) });
    await fc.assert(
      fc.asyncProperty(scripts, async ({ logs: told, lines }) => {
        const server = new LinkedServer(told, lines);
        const read = new Map<string, RunEvent[]>(told.map((events) => [events[0]!.run_id, []]));
        const handlers = { onEvent: (event: RunEvent) => void read.get(event.run_id)!.push(event), onConnection: () => undefined };
        const after = Object.fromEntries(told.map((events) => [events[0]!.run_id, 0]));
        const feed = new ProjectFeed("ws://server/ws", handlers, { after, open: server.open });
        await until(() => told.every((events) => read.get(events[0]!.run_id)!.length >= events.length));
        feed.close();
        for (const events of told) expect(read.get(events[0]!.run_id)).toEqual(events);
      }),
      { numRuns: RUNS },
    );
  });
});
