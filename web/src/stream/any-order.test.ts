import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyLog } from "./any-log.ts";
import { EventLog } from "./event-log.ts";
import type { RunEvent } from "./protocol.ts";
import { reduce, reduceAll, replay } from "./reduce.ts";
import { EMPTY, type RunState } from "./state.ts";

/** A log and how it arrives: every event at least once, some more often, in any order, cut anywhere. */
const arrivals = anyLog().chain((events) => {
  const again = fc.array(fc.nat({ max: events.length - 1 }), { maxLength: events.length }).map((picks) => picks.map((pick) => events[pick]!));
  const shuffled = again.chain((twice) => fc.shuffledSubarray([...events, ...twice], { minLength: events.length + twice.length }));
  return fc.record({ events: fc.constant(events), incoming: shuffled, cuts: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }) });
});

function cut(incoming: readonly RunEvent[], sizes: readonly number[]): RunEvent[][] {
  const chunks: RunEvent[][] = [];
  for (let at = 0, turn = 0; at < incoming.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    chunks.push(incoming.slice(at, at + size));
    at += size;
  }
  return chunks;
}

function frozen<T>(value: T): T {
  if (value instanceof Map) for (const item of value.values()) frozen(item);
  else if (typeof value === "object" && value !== null) for (const item of Object.values(value)) frozen(item);
  return Object.freeze(value);
}

describe("a run of any log", () => {
  it("[UI-42] has the same state in whatever order and chunks, and however often, its events arrive", () => {
    fc.assert(
      fc.property(arrivals, ({ events, incoming, cuts }) => {
        const log = new EventLog();
        let state: RunState = EMPTY;
        for (const chunk of cut(incoming, cuts)) {
          const readable = log.add(chunk);
          state = reduceAll(state, readable);
          expect(log.events).toEqual(events.slice(0, log.head));
          expect(state.seq).toBe(log.head);
        }
        expect(log.events).toEqual(events);
        expect(state).toEqual(replay(events));
      }),
    );
  });

  it("[UI-42] has the same state event by event as at once, with states and events left as they were", () => {
    fc.assert(
      fc.property(anyLog(), (events) => {
        frozen(events);
        const steps = events.reduce((state, event) => frozen(reduce(state, event)), frozen({ ...EMPTY }));
        expect(steps).toEqual(replay(events));
        expect(reduceAll(steps, events)).toBe(steps);
      }),
    );
  });

  it("[UI-42] keeps its order, each event once, when the beginning of its log turns out to be deleted", () => {
    fc.assert(
      fc.property(arrivals, fc.nat(), fc.nat(), ({ events, incoming, cuts }, prune, when) => {
        const pruned = prune % (events.length + 1);
        const chunks = cut(incoming, cuts);
        const log = new EventLog();
        const read = chunks.flatMap((chunk, turn) => [...(turn === when % chunks.length ? log.skip(pruned) : []), ...log.add(chunk)]);
        expect(read).toEqual(log.events);
        expect(log.head).toBe(events.length);
        expect(read.filter((event) => event.seq > pruned)).toEqual(events.slice(pruned));
        expect(read.map((event) => event.seq)).toEqual([...new Set(read.map((event) => event.seq))].sort((a, b) => a - b));
      }),
    );
  });
});
