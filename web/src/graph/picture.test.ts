import { describe, expect, it } from "vitest";
import type { Layout } from "./layout";
import { grouped, linesOf, nodeAt } from "./picture";

const layout: Layout = {
  nodes: new Map([
    ["a", { x: 0, y: 0, width: 200, height: 50 }],
    ["b", { x: 500, y: 100, width: 200, height: 50 }],
  ]),
  frames: new Map(),
  edges: new Map([[0, { points: [{ x: 200, y: 25 }, { x: 500, y: 125 }], label: null }]]),
  width: 700,
  height: 150,
};

describe("the picture of a large graph", () => {
  it("draws all nodes of one look as one line", () => {
    const { nodes } = linesOf(layout);
    const looks = grouped(["a", "b"], () => "COMPLETED", (id) => nodes.get(id)!);
    expect([...looks.keys()]).toEqual(["COMPLETED"]);
    expect(looks.get("COMPLETED")!.match(/M/g)).toHaveLength(2);
  });

  it("finds the node under a point", () => {
    expect([nodeAt(layout, { x: 510, y: 110 }), nodeAt(layout, { x: 5, y: 5 }), nodeAt(layout, { x: 400, y: 60 })]).toEqual(["b", "a", null]);
  });
});
