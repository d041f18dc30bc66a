import { NODE_HEIGHT, NODE_WIDTH } from "./elk-graph";
import { type Layout, type Point, roundedPath } from "./layout";

/** So many nodes are drawn one by one, however small they are; of more, a picture is shown from afar. */
export const MOST_DRAWN = 300;

/** The parts of a large graph as a few lines for each look, whatever their number. */
export function grouped<Key, Look extends string>(keys: Iterable<Key>, lookOf: (key: Key) => Look, lineOf: (key: Key) => string): Map<Look, string> {
  const parts = new Map<Look, string[]>();
  for (const key of keys) {
    const look = lookOf(key);
    const lines = parts.get(look);
    if (lines) lines.push(lineOf(key));
    else parts.set(look, [lineOf(key)]);
  }
  return new Map([...parts].map(([look, lines]) => [look, lines.join("")]));
}

/** The outlines of nodes and the lines of edges, made once for a layout. */
export function linesOf(layout: Layout): { nodes: Map<string, string>; edges: Map<number, string> } {
  const nodes = new Map([...layout.nodes].map(([id, { x, y }]) => [id, `M${x},${y}h${NODE_WIDTH}v${NODE_HEIGHT}h${-NODE_WIDTH}z`]));
  const edges = new Map([...layout.edges].map(([index, { points }]) => [index, roundedPath(points)]));
  return { nodes, edges };
}

/** The node that lies there, if any. */
export function nodeAt(layout: Layout, { x, y }: Point): string | null {
  for (const [id, box] of layout.nodes) {
    if (x >= box.x && x <= box.x + NODE_WIDTH && y >= box.y && y <= box.y + NODE_HEIGHT) return id;
  }
  return null;
}
