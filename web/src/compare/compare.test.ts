import { describe, expect, it } from "vitest";
import type { Graph, NodeState } from "../api/types";
import { pairs, same } from "./compare";

const graph = (...ids: string[]): Graph => ({ nodes: ids.map((id) => ({ id, type: "transform" })), edges: [] });
const row = (node_id: string, more: Partial<NodeState> = {}) => ({ node_id, iteration: 0, status: "COMPLETED", attempt: 1, output: 1, error: null, duration_ms: 5, ...more }) as unknown as NodeState;

describe("two runs beside each other", () => {
  it("[UI-62] pairs each node of either graph, and says in what they differ", () => {
    const a = { graph: graph("same", "other", "broken", "loop", "gone"), rows: [row("same", { output: { x: 1, y: [2] } }), row("other"), row("broken"), row("loop"), row("gone")] };
    const failed = row("broken", { status: "FAILED", output: null });
    const b = { graph: graph("same", "other", "broken", "loop", "new"), rows: [row("same", { output: { y: [2], x: 1 } }), row("other", { output: 2 }), failed, row("loop", { iteration: 1 }), row("loop"), row("new")] };
    const found = pairs(a, b);
    expect(found.map(({ id, difference }) => [id, difference])).toEqual([
      ["same", null],
      ["other", "output"],
      ["broken", "status"],
      ["loop", "laps"],
      ["gone", "presence"],
      ["new", "presence"],
    ]);
    expect(found[3]?.b).toMatchObject({ laps: 2, took: 10 });
    expect([same(null, undefined), same([1], { 0: 1 }), same("1", 1), same({ a: undefined }, {})]).toEqual([true, false, false, false]);
  });
});
