import { describe, expect, it } from "vitest";
import { EventLog } from "./event-log.ts";
import { reduceAll, replay } from "./reduce.ts";
import { afterRetry, EMPTY, type RunState, statusOf, viewsFromRows } from "./state.ts";
import { event, failedRun, loopRun, seeded, waitingRun } from "./sample.ts";

describe("the event log and its state", () => {
  it.each([["loops", loopRun], ["waits", waitingRun]])("[UI-1] is the same for every order, repetition and cut of the events of a run that %s", (_, sample) => {
    const events = sample();
    const whole = replay(events);
    for (let seed = 1; seed <= 300; seed++) {
      const random = seeded(seed);
      const log = new EventLog();
      let state: RunState = EMPTY;
      const arrivals = [...events, ...events.filter(() => random() < 0.4)].sort(() => random() - 0.5);
      while (arrivals.length > 0) {
        const chunk = arrivals.splice(0, 1 + Math.floor(random() * 7));
        state = reduceAll(state, log.add(chunk));
      }
      expect(state).toEqual(whole);
      expect(log.events.map((item) => item.seq)).toEqual(events.map((item) => item.seq));
    }
  });

  it.each([["loops", loopRun], ["waits", waitingRun]])("[UI-1] is the same when the connection breaks anywhere and goes on after the head, or before it, for a run that %s", (_, sample) => {
    const events = sample();
    const whole = replay(events);
    for (let cut = 0; cut <= events.length; cut++) {
      const log = new EventLog();
      const before = reduceAll(EMPTY, log.add(events.slice(0, cut)));
      expect(reduceAll(before, log.add(events.slice(Math.max(0, log.head - 3))))).toEqual(whole);
    }
  });

  it("[UI-2] never shows what lies behind a gap", () => {
    const events = loopRun();
    const log = new EventLog();
    expect(log.add(events.filter((item) => item.seq !== 4)).length).toBe(3);
    expect(log.head).toBe(3);
    expect(log.add([events[3]!]).length).toBe(events.length - 3);
  });

  it("leaves earlier states alone", () => {
    const events = loopRun();
    const early = reduceAll(EMPTY, events.slice(0, 8));
    const copy = structuredClone(early);
    reduceAll(early, events.slice(8));
    expect(early).toEqual(copy);
  });

  it("[UI-3] replays 10,000 events within 200 ms", () => {
    const events = [loopRun()[0]!];
    for (let i = 0; i < 10_000; i++) {
      const turn = event(i % 2 === 0 ? "node.started" : "node.completed", `n${Math.floor(i / 2) % 1000}`, { iteration: Math.floor(i / 2000), output: i });
      events.push({ ...turn, seq: i + 2 });
    }
    // The best of a few rounds: whatever else the machine does at the moment is no part of it.
    const rounds = Array.from({ length: 5 }, () => {
      const start = performance.now();
      const state = reduceAll(EMPTY, new EventLog().add(events));
      return { took: performance.now() - start, nodes: state.nodes.size };
    });
    expect(rounds.map(({ nodes }) => nodes)).toEqual(rounds.map(() => 1000));
    expect(Math.min(...rounds.map(({ took }) => took))).toBeLessThan(200);
  });
});

describe("what the state tells", () => {
  it("[UI-5] keeps every lap of a loop and the edges as the last lap left them", () => {
    const check = replay(loopRun()).nodes.get("check")!;
    expect(check.laps.map((lap) => lap.output)).toEqual([0, 1, 2]);
    expect(check.edges).toEqual({ 1: "dead", 2: "taken" });
  });

  it("tells attempts, collects tokens of the running attempt and drops the error of an attempt that was made good", () => {
    const repair = replay(loopRun()).nodes.get("repair")!.laps[0]!;
    expect(repair).toMatchObject({ attempt: 2, status: "COMPLETED", error: null, tokens: "ab" });
  });

  it("[UI-6] on a retry keeps what has completed or was not taken, and waits for the rest again", () => {
    const events = failedRun();
    const failed = replay(events);
    expect(failed.status).toBe("FAILED");
    const again = reduceAll(failed, [event("run.queued", null, { attempt: 2 })]);
    expect(again).toMatchObject({ status: "QUEUED", attempt: 2, error: null, finishedAt: null });
    expect([...again.nodes.keys()]).toEqual(["a", "side"]);
    expect(statusOf(again.nodes.get("b"))).toBe("PENDING");
  });

  it("[UI-6] on a retry keeps a failure that an error edge has handled", () => {
    const events = failedRun().map((item) => (item.type === "workflow.node.failed" ? { ...item, data: { ...item.data, edges: { 2: "dead", 3: "taken" } } } : item));
    const again = reduceAll(replay(events), [event("run.queued", null, { attempt: 2 })]);
    expect(statusOf(again.nodes.get("b"))).toBe("FAILED");
  });

  it("[UI-6] after a retry waits again for all that its rows no longer hold", () => {
    const ended = replay(loopRun());
    const retried = reduceAll(ended, [{ ...event("run.queued", null, { attempt: 2, retry: true }), seq: ended.seq + 1 }]);
    const check = retried.nodes.get("check")!;
    const again = reduceAll(retried, [{ ...event("node.started", "repair", { iteration: 0 }), seq: ended.seq + 2 }]);
    const known = afterRetry(again, new Map([["check", { ...check, laps: check.laps.slice(0, 1), edges: { 1: "taken" as const } }]]));
    expect(known.nodes.get("check")).toMatchObject({ laps: [{ iteration: 0 }], edges: { 1: "taken" } });
    expect(known.nodes.get("repair")!.laps.map((lap) => [lap.iteration, lap.status])).toEqual([[0, "RUNNING"]]);
    expect([...known.nodes.keys()].sort()).toEqual(["check", "repair"]);
  });

  it("[UI-6] on a retry forgets the nodes that it names, and the edges of another version", () => {
    const failed = replay(failedRun().map((item) => (item.seq === 1 ? { ...item, data: { ...item.data, version: 1 } } : item)));
    const named = reduceAll(failed, [event("run.queued", null, { attempt: 2, retry: true, version: 1, again: ["side"] })]);
    expect([...named.nodes.keys()]).toEqual(["a"]);
    expect(named.nodes.get("a")!.edges).toEqual(failed.nodes.get("a")!.edges);
    const moved = reduceAll(failed, [event("run.queued", null, { attempt: 2, retry: true, version: 2, again: [] })]);
    expect(moved.nodes.get("a")!.edges).toEqual({});
    expect(moved.nodes.get("a")!.laps).toEqual(failed.nodes.get("a")!.laps);
  });

  it("[UI-6] when a run goes on by itself waits again for what had failed", () => {
    const events = failedRun().map((item) => (item.type === "workflow.run.failed" ? { ...item, type: "workflow.run.retrying" } : item));
    const waiting = replay(events);
    expect([waiting.status, statusOf(waiting.nodes.get("b"))]).toEqual(["RETRYING", "FAILED"]);
    const resumed = reduceAll(waiting, [event("run.resumed", null, { attempt: 2 })]);
    expect([resumed.status, [...resumed.nodes.keys()]]).toEqual(["RUNNING", ["a", "side"]]);
  });

  it("[UI-21] knows for what a run and its nodes wait, and forgets it when they go on", () => {
    const events = waitingRun();
    const at = (count: number) => replay(events.slice(0, count));
    const last = (count: number, id: string) => at(count).nodes.get(id)!.laps.at(-1)!;
    expect(last(4, "stop")).toMatchObject({ status: "WAITING", reason: { code: "breakpoint" }, startedAt: null });
    expect(last(8, "stop")).toMatchObject({ status: "RUNNING", reason: null, startedAt: events[7]!.at });
    expect(last(15, "ask")).toMatchObject({ status: "WAITING", reason: { prompt: "Send it?" }, wakeAt: "2026-01-02T00:00:00Z" });
    expect(at(15)).toMatchObject({ status: "WAITING", wakeAt: "2026-01-02T00:00:00Z", reason: { code: "waiting_for_approval" } });
    expect(at(17)).toMatchObject({ status: "RUNNING", wakeAt: null, reason: null });
    expect(last(18, "ask")).toMatchObject({ status: "COMPLETED", reason: null, wakeAt: null, startedAt: events[9]!.at });
  });

  it("[UI-29] takes a map for running again when another of its items is done, and counts those that failed", () => {
    const at = (count: number) => replay(waitingRun().slice(0, count)).nodes.get("each")!.laps[0]!;
    expect([at(14).status, at(19).status, at(20).status]).toEqual(["WAITING", "WAITING", "RUNNING"]);
    expect(at(20).progress).toEqual({ done: 1, total: 3, failed: 1 });
  });

  it("[UI-22] begins again by itself as it does by a retry", () => {
    const events = waitingRun();
    expect(replay(events.slice(0, 22))).toMatchObject({ status: "RETRYING", wakeAt: "2026-01-01T01:00:00Z", error: { message: "no" } });
    const again = replay(events.slice(0, 23));
    expect(again).toMatchObject({ status: "RUNNING", attempt: 2, wakeAt: null, error: null, retriedAt: 23, startedAt: events[22]!.at });
    expect([...again.nodes.keys()]).toEqual(["stop", "ask"]);
  });

  it("[UI-31] marks what was changed by a person and what was taken over, and keeps when a changed one had ended", () => {
    const events = waitingRun();
    const state = replay(events);
    expect(state.nodes.get("stop")!.laps).toMatchObject([{ output: 2, made: "overridden", durationMs: 2, finishedAt: events[8]!.at }]);
    expect(state.nodes.get("ask")!.laps).toMatchObject([{ made: "reused", durationMs: 5 }]);
    expect(state.nodes.get("each")!.laps).toMatchObject([{ made: null, status: "COMPLETED", error: null }]);
  });

  it("[UI-30] counts tokens and progress as no change that would have to be asked for", () => {
    const events = [event("run.created"), event("node.started", "a"), event("node.token", "a", { text: "x" }), event("node.progress", "a", { done: 1 }), event("node.log", "a", { message: "m" })];
    const view = replay(events.map((item, index) => ({ ...item, seq: index + 1 }))).nodes.get("a")!;
    expect([view.changed, view.seq, view.laps[0]!.tokens]).toEqual([2, 5, "x"]);
  });

  it("reads rows as it reads events", () => {
    const row = { node_id: "a", type: "input", name: null, path: [], status: "COMPLETED" as const, attempt: 1, progress: null, input: null, output: 1, error: null, reason: null, started_at: null, finished_at: null, duration_ms: 1, wake_at: null };
    const views = viewsFromRows([{ ...row, iteration: 1, edges: { 0: "dead" } }, { ...row, iteration: 0, edges: { 0: "taken" } }]);
    expect(views.get("a")!.laps.map((lap) => lap.iteration)).toEqual([0, 1]);
    expect(views.get("a")!.edges).toEqual({ 0: "dead" });
  });
});
