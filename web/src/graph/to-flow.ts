import { type Edge, type Node, Position } from "@xyflow/react";
import type { Graph, GraphEdge, GraphNode } from "../api/types";
import { edgeLabel } from "./elk-graph";
import { NODE_HEIGHT, NODE_WIDTH } from "./elk-graph";
import { type Box, type Layout, type Point, roundedPath } from "./layout";
import { findLoops, type Loop } from "./loops";

export type StepNode = Node<{ node: GraphNode; vertical: boolean }, "step">;
export type FrameNode = Node<{ loop: Loop; title: string; limit: number }, "frame">;
export type FlowNode = StepNode | FrameNode;

/** The point of an arrow and the way it shows, in degrees. */
export interface Tip extends Point {
  angle: number;
}

export type FlowEdge = Edge<
  { index: number; path: string; label: string | null; full: string; labelBox: Box | null; tip: Tip | null; error: boolean },
  "wire"
>;

const DEFAULT_LIMIT = 100;

export interface Flow {
  nodes: FlowNode[];
  edges: FlowEdge[];
}

/** The drawing of a graph: fixed boxes and lines. Colours come later, from the state of the run. */
export function toFlow(graph: Graph, layout: Layout, vertical: boolean): Flow {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const frames = findLoops(graph).map((loop) => frameNode(loop, graph, byId, layout));
  const steps = graph.nodes.map((node) => stepNode(node, layout, vertical));
  return { nodes: [...frames, ...steps], edges: graph.edges.map((edge, index) => wire(edge, index, layout)) };
}

function stepNode(node: GraphNode, layout: Layout, vertical: boolean): StepNode {
  return {
    id: node.id,
    type: "step",
    ...place(layout.nodes.get(node.id)),
    data: { node, vertical },
    handles: [port("target", vertical ? Position.Top : Position.Left), port("source", vertical ? Position.Bottom : Position.Right)],
    draggable: false,
    connectable: false,
    zIndex: 2,
    ariaLabel: `Node ${node.name ?? node.id}, ${node.type}`,
  };
}

function frameNode(loop: Loop, graph: Graph, byId: Map<string, GraphNode>, layout: Layout): FrameNode {
  const header = byId.get(loop.header);
  const own = header?.config?.max_iterations ?? header?.max_iterations;
  const limit = typeof own === "number" ? own : (graph.settings?.max_iterations ?? DEFAULT_LIMIT);
  return {
    id: loop.id,
    type: "frame",
    ...place(layout.frames.get(loop.id)),
    data: { loop, title: "Loop", limit },
    draggable: false,
    connectable: false,
    selectable: false,
    focusable: false,
    zIndex: 0,
  };
}

function place(box: Box | undefined): Pick<Node, "position" | "width" | "height"> {
  return { position: { x: box?.x ?? 0, y: box?.y ?? 0 }, width: box?.width ?? 0, height: box?.height ?? 0 };
}

function wire(edge: GraphEdge, index: number, layout: Layout): FlowEdge {
  const drawn = layout.edges.get(index);
  const points = drawn?.points ?? [];
  return {
    id: `e:${index}`,
    type: "wire",
    source: edge.source,
    target: edge.target,
    data: {
      index,
      path: roundedPath(points),
      label: edgeLabel(edge),
      full: edge.condition ?? edge.branch ?? "",
      labelBox: drawn?.label ?? null,
      tip: tipOf(points),
      error: edge.on === "error",
    },
    focusable: false,
    selectable: false,
    zIndex: 1,
  };
}

/** Where edges dock, told beforehand: nodes out of sight are never measured and their edges are drawn all the same. */
function port(type: "source" | "target", position: Position): NonNullable<Node["handles"]>[number] {
  const x = position === Position.Left ? 0 : position === Position.Right ? NODE_WIDTH : NODE_WIDTH / 2;
  const y = position === Position.Top ? 0 : position === Position.Bottom ? NODE_HEIGHT : NODE_HEIGHT / 2;
  return { type, position, x, y, width: 1, height: 1 };
}

function tipOf(points: readonly Point[]): Tip | null {
  const end = points.at(-1);
  const before = points.at(-2);
  if (!end || !before) return null;
  return { ...end, angle: (Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI };
}
