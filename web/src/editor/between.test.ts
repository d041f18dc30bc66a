import { describe, expect, it } from "vitest";
import { closing, putBetween, withNodeOn } from "./between";
import type { GraphDoc } from "./document";
import { allPlaces } from "./places";
import { HEAD, WIDTH } from "./shape";

const at = (x: number, y = 0) => ({ position: { x, y } });
const plain = (id: string, x: number) => ({ id, type: "transform", ...at(x) });

const doc: GraphDoc = {
  entry: "a",
  nodes: [plain("a", 0), plain("b", 264), plain("c", 528), { ...plain("aside", 264), ...at(264, 300) }],
  edges: [
    { source: "a", target: "b" },
    { name: "good", source: "b", target: "c", condition: "output > 1", metadata: { kept: true } },
    { source: "b", target: "a", condition: "else" },
    { source: "a", target: "aside", on: "error" },
  ],
};
const node = { id: "new", type: "transform" };

describe("a node on an edge", () => {
  it("[EDIT-61] leaves what the edge says with its first half, in its place", () => {
    const next = withNodeOn(doc, 1, node);
    expect(next.edges).toEqual([
      doc.edges[0],
      { name: "good", source: "b", target: "new", condition: "output > 1", metadata: { kept: true } },
      { source: "new", target: "c" },
      doc.edges[2],
      doc.edges[3],
    ]);
    expect(next.nodes).toEqual([...doc.nodes, node]);
    expect(withNodeOn(doc, 3, node).edges.slice(3)).toEqual([{ source: "a", target: "new", on: "error" }, { source: "new", target: "aside" }]);
  });

  it("[EDIT-61] keeps a condition on the way back of a loop", () => {
    expect(withNodeOn(doc, 2, node).edges.slice(2, 4)).toEqual([
      { source: "b", target: "new", condition: "else" },
      { source: "new", target: "a", condition: "true" },
    ]);
  });

  it("[EDIT-61] goes on by the first branch of a condition", () => {
    const choice = { id: "new", type: "condition", config: { branches: [{ name: "yes", when: "true" }], default: "no" } };
    expect(withNodeOn(doc, 0, choice).edges[1]).toEqual({ source: "new", target: "b", branch: "yes" });
  });

  it("[EDIT-61] gets room between the ends of its edge, and moves nothing but what follows", () => {
    const { doc: next, id } = putBetween({ ...doc, edges: doc.edges.filter(({ condition }) => condition !== "else") }, 0, (position) => ({ ...node, position }), { x: 132, y: 0 }, allPlaces(doc, new Map()));
    const x = (name: string) => allPlaces(next, new Map()).get(name)!.x;
    expect(x(id)).toBeGreaterThan(x("a") + WIDTH);
    expect(x("b")).toBeGreaterThan(x(id) + WIDTH);
    expect(x("c") - x("b")).toBe(264);
    expect(next.nodes.find((one) => one.id === "aside")).toBe(doc.nodes[3]);
  });

  it("[EDIT-61] stands where it was let go, if nothing is there", () => {
    const { doc: next } = putBetween(doc, 3, (position) => ({ ...node, position }), { x: -500, y: 90 + HEAD }, allPlaces(doc, new Map()));
    expect(next.nodes.at(-1)!.position).toEqual({ x: -500, y: 90 + HEAD });
    expect(next.nodes.slice(0, -1)).toEqual(doc.nodes);
  });

  it("[EDIT-65] closes a loop with a condition to be filled in, and says nothing on other edges", () => {
    expect(closing(doc, { source: "c", target: "a" })).toEqual({ source: "c", target: "a", condition: "" });
    expect(closing(doc, { source: "a", target: "c" })).toEqual({ source: "a", target: "c" });
    expect(closing(doc, { source: "c", target: "a", branch: "again" })).toEqual({ source: "c", target: "a", branch: "again" });
  });
});
