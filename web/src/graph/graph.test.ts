import Elk from "elkjs/lib/elk.bundled.js";
import { describe, expect, it, vi } from "vitest";
import type { Graph } from "../api/types";
import { bestDirection, layers } from "./direction";
import { edgeLabel } from "./elk-graph";
import { layoutOf, roundedPath } from "./layout";
import { findLoops } from "./loops";
import { toFlow } from "./to-flow";

function graph(ids: string, ...edges: string[]): Graph {
  return {
    nodes: [...ids].map((id) => ({ id, type: "transform" })),
    edges: edges.map((text) => ({ source: text[0]!, target: text[1]!, condition: text[2] === "?" ? "true" : null })),
  };
}

const engine = async () => new Elk();

describe("loops", () => {
  it("finds none in a graph without cycles", () => {
    expect(findLoops(graph("abcd", "ab", "ac", "bd", "cd"))).toEqual([]);
  });

  it("[UI-8] finds the header as the node by which the loop is entered, and the edges back to it", () => {
    const [loop] = findLoops(graph("abcd", "ab", "bc", "cb?", "cd"));
    expect(loop).toMatchObject({ header: "b", backEdges: [2], parent: null });
    expect([...loop!.nodes].sort()).toEqual(["b", "c"]);
  });

  it("[UI-8] nests them, also when both have the same header", () => {
    const nested = findLoops(graph("abcde", "ab", "bc", "cd", "dc?", "db?", "de"));
    expect(nested.map((loop) => loop.header)).toEqual(["b", "c"]);
    expect(nested[1]!.parent).toBe(nested[0]);
  });

  it("[UI-8] takes a node that leads to itself for a loop", () => {
    expect(findLoops(graph("ab", "ab", "bb?"))).toMatchObject([{ header: "b", backEdges: [1] }]);
  });

  it("[UI-8] is entered at the graph's entry where every node has an edge before it", () => {
    expect(findLoops({ ...graph("ab", "ab", "ba?"), entry: "b" })).toMatchObject([{ header: "b", backEdges: [0] }]);
  });

  it("[UI-11] holds on a chain of 10,000 nodes", () => {
    const nodes = Array.from({ length: 10_000 }, (_, i) => ({ id: String(i), type: "transform" }));
    const edges = nodes.slice(1).map((node, i) => ({ source: String(i), target: node.id }));
    expect(findLoops({ nodes, edges })).toEqual([]);
    expect(layers({ nodes, edges }).get("9999")).toBe(9999);
  });
});

describe("the drawing", () => {
  it("[UI-8] places every node, and every loop's nodes inside its frame", async () => {
    const drawn = graph("abcde", "ab", "bc", "cd", "db?", "de");
    const layout = await layoutOf(drawn, "RIGHT", engine);
    const frame = [...layout.frames.values()][0]!;
    const inside = (id: string) => {
      const box = layout.nodes.get(id)!;
      return box.x >= frame.x && box.y >= frame.y && box.x + box.width <= frame.x + frame.width && box.y + box.height <= frame.y + frame.height;
    };
    expect([..."abcde"].filter(inside)).toEqual(["b", "c", "d"]);
    const x = (id: string) => layout.nodes.get(id)!.x;
    expect([..."abcde"].sort((one, two) => x(one) - x(two)).join("")).toBe("abcde");
  });

  it.each(["RIGHT", "DOWN"] as const)("[UI-104] begins a loop with its header, also where branches lead back to it (%s)", async (direction) => {
    const drawn = graph("abcdef", "ab", "bc?", "bd?", "be?", "cb", "db?", "ef");
    const { nodes, edges } = await layoutOf(drawn, direction, engine);
    const along = (id: string) => (direction === "RIGHT" ? nodes.get(id)!.x : nodes.get(id)!.y);
    expect(Math.min(along("c"), along("d"))).toBeGreaterThan(along("b"));
    const line = edges.get(4)!.points;
    const box = nodes.get("b")!;
    const start = nodes.get("c")!;
    expect(direction === "RIGHT" ? [line.at(-1)!.x, line[0]!.x] : [line.at(-1)!.y, line[0]!.y]).toEqual(
      direction === "RIGHT" ? [box.x, start.x + start.width] : [box.y, start.y + start.height],
    );
  });

  it("[UI-9] is made once per graph and direction, whatever the statuses do", async () => {
    const asked = vi.fn(engine);
    const drawn = graph("ab", "ab");
    await Promise.all([layoutOf(drawn, "DOWN", asked), layoutOf(drawn, "DOWN", asked)]);
    await layoutOf(drawn, "DOWN", asked);
    expect(asked).toHaveBeenCalledOnce();
  });

  it("[UI-10] has a line for every edge, and a label where the edge has a condition, a branch or leads on after an error", async () => {
    const drawn = graph("abcd", "ab", "bc?", "bd");
    drawn.edges[2] = { source: "b", target: "d", on: "error" };
    const flow = toFlow(drawn, await layoutOf(drawn, "RIGHT", engine), false);
    expect(flow.edges.map((edge) => edge.data!.path.startsWith("M"))).toEqual([true, true, true]);
    expect(flow.edges.map((edge) => edge.data!.label)).toEqual([null, "true", "on error"]);
    expect(flow.edges.map((edge) => edge.data!.labelBox === null)).toEqual([true, false, false]);
  });

  it("[UI-11] lays 1,000 nodes out", async () => {
    const nodes = Array.from({ length: 1000 }, (_, i) => ({ id: String(i), type: "transform" }));
    const edges = nodes.slice(1).map((node, i) => ({ source: String(Math.max(0, i - ((i * 7919) % 13))), target: node.id }));
    const layout = await layoutOf({ nodes, edges }, "DOWN", engine);
    expect(layout.nodes.size).toBe(1000);
  }, 30_000);

  it("runs down where a long chain would be tiny from left to right", () => {
    const chain = graph("abcdefghij", "ab", "bc", "cd", "de", "ef", "fg", "gh", "hi", "ij");
    expect(bestDirection(chain, { width: 640, height: 700 })).toBe("DOWN");
    expect(bestDirection(graph("abc", "ab", "bc"), { width: 900, height: 500 })).toBe("RIGHT");
  });

  it("shortens long conditions and takes off the braces", () => {
    expect(edgeLabel({ source: "a", target: "b", condition: "{{ a.output.x }}" })).toBe("a.output.x");
    expect(edgeLabel({ source: "a", target: "b", condition: "x".repeat(99) })).toHaveLength(34);
  });

  it("rounds corners and stays on the line's ends", () => {
    const path = roundedPath([{ x: 0, y: 0 }, { x: 20, y: 0 }, { x: 20, y: 30 }]);
    expect(path).toBe("M0,0L11,0Q20,0 20,9L20,30");
  });
});
