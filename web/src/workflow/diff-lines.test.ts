import { describe, expect, it } from "vitest";
import type { VersionDiff } from "../api/types";
import { changesOf, placeOf, printed } from "./diff-lines";

const diff = {
  from: 1,
  to: 2,
  nodes: {
    added: [{ id: "b", type: "transform", name: "Second" }],
    removed: [{ id: "c", type: "delay" }],
    changed: [{ id: "a", changes: [{ pointer: "/config/value", before: 1, after: null }] }],
  },
  edges: { added: [{ source: "a", target: "b" }], removed: [], changed: [] },
  graph: [{ pointer: "/settings/max_iterations", after: 5 }],
} as unknown as VersionDiff;

// UI-72
describe("the difference of two versions", () => {
  it("is a list of everything that came, went and changed", () => {
    expect(changesOf(diff).map(({ side, kind, name, note }) => [side, kind, name, note])).toEqual([
      ["added", "node", "Second", "transform"],
      ["added", "edge", "a → b", null],
      ["removed", "node", "c", "delay"],
      ["changed", "node", "a", null],
      ["changed", "graph", "The graph itself", null],
    ]);
  });

  it("names places in words, and tells null from nothing", () => {
    expect(placeOf("/config/a~1b/0")).toBe("config · a/b · 0");
    expect(placeOf("")).toBe("the whole");
    expect([printed(null), printed(undefined), printed("x"), printed([1])]).toEqual(["null", null, "x", "[\n  1\n]"]);
  });
});
