import { describe, expect, it } from "vitest";
import { event, loopRun } from "../../stream/sample";
import { attempts, eventsOf, logLines } from "./history";

describe("what a turn of a node went through", () => {
  it("[UI-58] lists each attempt of the turn that is looked at, with what it failed with", () => {
    const found = attempts(eventsOf(loopRun(), "repair", 1));
    expect(found.map(({ number, outcome, error }) => [number, outcome, error?.message])).toEqual([
      [1, "FAILED", "slow"],
      [2, "COMPLETED", undefined],
    ]);
    expect(attempts(eventsOf(loopRun(), "repair", 2))).toEqual([]);
    const waits = [event("node.started", "a", { attempt: 1 }), event("node.waiting", "a", { attempt: 1 }), event("node.started", "a", { attempt: 1 })];
    expect(attempts(waits).map(({ outcome }) => outcome)).toEqual(["RUNNING"]);
  });

  it("[UI-58] has the lines of its log with their level and fields", () => {
    const said = [event("node.started", "a"), event("node.log", "a", { level: "warning", message: "slow", fields: { ms: 3 }, attempt: 2 })];
    expect(logLines(said)).toEqual([{ seq: said[1]!.seq, at: said[1]!.at, level: "warning", message: "slow", fields: { ms: 3 }, attempt: 2 }]);
  });
});
