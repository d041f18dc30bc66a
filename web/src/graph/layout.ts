import type { ElkEdgeSection, ElkNode } from "elkjs/lib/elk-api";
import type { Graph } from "../api/types";
import { layers } from "./direction";
import { backEdges, type Direction, toElk } from "./elk-graph";
import { findLoops } from "./loops";

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  width: number;
  height: number;
}

/** Where everything stands. Depends on the graph alone: a status never moves anything. */
export interface Layout {
  nodes: ReadonlyMap<string, Box>;
  frames: ReadonlyMap<string, Box>;
  /** By edge index: the points of its line, and the box of its label if it has one. */
  edges: ReadonlyMap<number, { points: readonly Point[]; label: Box | null }>;
  width: number;
  height: number;
}

interface Engine {
  layout: (graph: ElkNode) => Promise<ElkNode>;
}

const known = new WeakMap<Graph, Map<Direction, Promise<Layout>>>();

/** Lays a graph out, once per graph and direction; a graph of one version is one object, as the query cache keeps it. */
export function layoutOf(graph: Graph, direction: Direction, engine: () => Promise<Engine>): Promise<Layout> {
  const byDirection = known.get(graph) ?? new Map<Direction, Promise<Layout>>();
  known.set(graph, byDirection);
  const before = byDirection.get(direction);
  if (before) return before;
  const promise = engine().then((elk) => elk.layout(toElk(graph, direction, layers(graph)))).then((root) => turned(fromElk(root), graph));
  byDirection.set(direction, promise);
  promise.catch(() => byDirection.delete(direction));
  return promise;
}

/** The lines of the edges that lead back, from their beginning to their end again. */
function turned(layout: Layout, graph: Graph): Layout {
  const edges = new Map(layout.edges);
  for (const index of backEdges(findLoops(graph), graph)) {
    const edge = edges.get(index);
    if (edge) edges.set(index, { ...edge, points: [...edge.points].reverse() });
  }
  return { ...layout, edges };
}

export function fromElk(root: ElkNode): Layout {
  const nodes = new Map<string, Box>();
  const frames = new Map<string, Box>();
  const edges = new Map<number, { points: readonly Point[]; label: Box | null }>();
  visit(root);
  return { nodes, frames, edges, width: root.width ?? 0, height: root.height ?? 0 };

  function visit(parent: ElkNode): void {
    for (const child of parent.children ?? []) {
      if (child.id.startsWith("n:")) nodes.set(child.id.slice(2), box(child));
      else frames.set(child.id, box(child));
      visit(child);
    }
    for (const edge of parent.edges ?? []) {
      const label = edge.labels?.[0];
      const points = (edge.sections ?? []).flatMap(sectionPoints);
      edges.set(Number(edge.id.slice(2)), { points, label: label ? box(label) : null });
    }
  }
}

function sectionPoints(section: ElkEdgeSection): Point[] {
  return [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
}

function box(shape: { x?: number; y?: number; width?: number; height?: number }): Box {
  return { x: shape.x ?? 0, y: shape.y ?? 0, width: shape.width ?? 0, height: shape.height ?? 0 };
}

const CORNER = 9;

/** An SVG path through the points, with rounded corners. */
export function roundedPath(points: readonly Point[]): string {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return "";
  let path = `M${first.x},${first.y}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, corner, after] = [points[i - 1]!, points[i]!, points[i + 1]!];
    const enter = towards(corner, before);
    const leave = towards(corner, after);
    path += `L${enter.x},${enter.y}Q${corner.x},${corner.y} ${leave.x},${leave.y}`;
  }
  return `${path}L${last.x},${last.y}`;
}

function towards(from: Point, to: Point): Point {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const share = distance === 0 ? 0 : Math.min(CORNER, distance / 2) / distance;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
