import type { Graph } from "../api/types";
import { type Direction, edgeLabel, labelWidth, NODE_HEIGHT, NODE_WIDTH } from "./elk-graph";
import { findLoops } from "./loops";

const GAP = 52;
const BESIDE = 28;

/** The layer of each node: the longest way to it, back edges left out. In an order that respects all other edges. */
export function layers(graph: Graph): Map<string, number> {
  const back = new Set(findLoops(graph).flatMap((loop) => loop.backEdges));
  const next = new Map<string, string[]>(graph.nodes.map((node) => [node.id, []]));
  const waits = new Map(graph.nodes.map((node) => [node.id, 0]));
  graph.edges.forEach(({ source, target }, index) => {
    if (back.has(index) || !next.has(source) || !next.has(target)) return;
    next.get(source)!.push(target);
    waits.set(target, waits.get(target)! + 1);
  });
  const layer = new Map<string, number>();
  const ready = graph.nodes.map((node) => node.id).filter((id) => waits.get(id) === 0);
  for (const id of ready) layer.set(id, 0);
  for (let at = 0; at < ready.length; at++) {
    const id = ready[at]!;
    for (const target of next.get(id)!) {
      layer.set(target, Math.max(layer.get(target) ?? 0, layer.get(id)! + 1));
      waits.set(target, waits.get(target)! - 1);
      if (waits.get(target) === 0) ready.push(target);
    }
  }
  return new Map(ready.map((id) => [id, layer.get(id)!]));
}

/** The direction in which the graph can be shown larger on a pane of this size. */
export function bestDirection(graph: Graph, pane: { width: number; height: number }): Direction {
  const count = new Map<number, number>();
  for (const layer of layers(graph).values()) count.set(layer, (count.get(layer) ?? 0) + 1);
  const depth = Math.max(1, count.size);
  const breadth = Math.max(1, ...count.values());
  const labels = graph.edges.map(edgeLabel).filter((text) => text !== null);
  const lettering = labels.reduce((sum, text) => sum + labelWidth(text), 0) / breadth;
  const right = scale(depth * (NODE_WIDTH + GAP) + lettering, breadth * (NODE_HEIGHT + BESIDE), pane);
  const down = scale(breadth * (NODE_WIDTH + BESIDE), depth * (NODE_HEIGHT + GAP), pane);
  return down > right ? "DOWN" : "RIGHT";
}

function scale(width: number, height: number, pane: { width: number; height: number }): number {
  return Math.min(1, pane.width / width, pane.height / height);
}
