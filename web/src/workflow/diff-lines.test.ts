import { describe, expect, it } from "vitest";
import type { Changes } from "../editor/changes";
import { Exactly, parseExact, withLargeNumbers } from "../editor/exact";
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
} as unknown as Changes;

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

  it("tells places last and as one", () => {
    const moved = (id: string) => ({ id, changes: [{ pointer: "/position/x", before: 1, after: 2 }] });
    const more = { ...diff, nodes: { ...diff.nodes, changed: [moved("x"), ...diff.nodes.changed, moved("y")] } };
    expect(changesOf(more).map(({ name }) => name).slice(3)).toEqual(["a", "The graph itself", "2 nodes stand elsewhere"]);
  });

  it("tells large numbers as they are written", () => {
    const { value, numbers } = parseExact('{"before":{"id":12345678901234567890},"after":12345678901234567891}');
    const { before, after } = withLargeNumbers(value as { before: unknown; after: unknown }, numbers);
    expect(after).toEqual(new Exactly("12345678901234567891"));
    expect([printed(before), printed(after)]).toEqual(['{\n  "id": 12345678901234567890\n}', "12345678901234567891"]);
  });

  it("names places in words, and tells null from nothing", () => {
    expect(placeOf("/config/a~1b/0")).toBe("config · a/b · 0");
    expect(placeOf("")).toBe("the whole");
    expect([printed(null), printed(undefined), printed("x"), printed([1])]).toEqual(["null", null, "x", "[\n  1\n]"]);
  });
});
