import { describe, expect, it } from "vitest";
import { event, loopRun, waitingRun } from "../../stream/sample";
import { sums, ticks, Timeline } from "./spans";

const spansOf = (timeline: Timeline, key: string) =>
  timeline.rows.find((row) => row.key === key)?.spans.map(({ kind, attempt, outcome }) => [kind, attempt, outcome]);

describe("the timeline of a run", () => {
  it("[UI-54] has each lap by itself, each attempt with its outcome, and the pauses between them", () => {
    const timeline = new Timeline();
    timeline.take(loopRun());
    expect(timeline.rows.map(({ key }) => key)).toEqual(["", "load/0", "check/0", "repair/0", "check/1", "repair/1", "check/2", "alert/0"]);
    expect(spansOf(timeline, "repair/0")).toEqual([["running", 1, "FAILED"], ["retrying", 1, null], ["running", 2, "COMPLETED"]]);
    expect(spansOf(timeline, "")).toEqual([["queued", 1, null], ["running", 1, "COMPLETED"]]);
    expect(spansOf(timeline, "alert/0")).toEqual([]);
  });

  it("[UI-54] is the same whether events come at once or one by one, and nothing of an ended run goes on", () => {
    const events = waitingRun();
    const [whole, bit] = [new Timeline(), new Timeline()];
    whole.take(events);
    for (let count = 1; count <= events.length; count++) bit.take(events.slice(0, count));
    expect(bit.rows).toEqual(whole.rows);
    const log = [event("run.started"), event("node.started", "a"), event("run.cancelled")];
    const cut = new Timeline();
    cut.take(log);
    expect(cut.rows.every(({ spans }) => spans.every(({ to }) => to !== null))).toBe(true);
  });

  it("[UI-55] counts the time before a worker comes for a node as queued", () => {
    const start = Date.parse(event("run.created").at);
    const at = (ms: number) => new Date(start + ms).toISOString();
    const timeline = new Timeline();
    timeline.take([
      { ...event("node.waiting", "far", { reason: { code: "waiting_for_worker", message: "Nobody serves gpu." } }), at: at(0) },
      { ...event("node.started", "far"), at: at(400) },
      { ...event("node.completed", "far"), at: at(1000) },
    ]);
    expect(sums(timeline.rows[0]!, start)).toEqual({ queued: 400, running: 600, waiting: 0, retrying: 0 });
    expect(ticks(2_500, 6)).toEqual([0, 500, 1000, 1500, 2000, 2500]);
    expect(ticks(90 * 864e5, 5).length).toBeLessThanOrEqual(6);
  });
});
