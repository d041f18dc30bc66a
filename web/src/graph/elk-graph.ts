import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api";
import type { Graph, GraphEdge } from "../api/types";
import { findLoops, innermost, type Loop } from "./loops";

export type Direction = "RIGHT" | "DOWN";

export const NODE_WIDTH = 212;
export const NODE_HEIGHT = 56;
export const LABEL_HEIGHT = 20;
const LABEL_LONGEST = 34;
const LARGE = 300;

/** What is written on an edge: its condition, its branch, or that it is taken on error. */
export function edgeLabel(edge: GraphEdge): string | null {
  const text = edge.on === "error" ? "on error" : (edge.branch ?? edge.condition ?? null);
  if (!text) return null;
  const plain = text.replace(/^\{\{\s*|\s*\}\}$/g, "").replace(/\s+/g, " ");
  return plain.length > LABEL_LONGEST ? `${plain.slice(0, LABEL_LONGEST - 1)}…` : plain;
}

export function labelWidth(text: string): number {
  return Math.ceil(text.length * 6.3) + 16;
}

/** The document as ELK wants it: loops are nested frames, edges belong to the root, positions come back absolute. */
export function toElk(graph: Graph, direction: Direction, order: ReadonlyMap<string, number>): ElkNode {
  const loops = findLoops(graph);
  const back = backEdges(loops, graph);
  const docks = docksOf(graph, back);
  const home = innermost(loops);
  const frames = new Map(loops.map((loop) => [loop.id, frame(loop)]));
  const root: ElkNode = { id: "root", layoutOptions: elkOptions(graph, direction), children: [], edges: [] };
  const boxes: { layer: number; home: Loop | null; box: ElkNode }[] = [
    ...loops.map((loop) => ({ layer: order.get(loop.header) ?? 0, home: loop.parent, box: frames.get(loop.id)! })),
    ...graph.nodes.map(({ id }) => ({ layer: order.get(id) ?? 0, home: home.get(id) ?? null, box: step(id, docks, direction) })),
  ];
  for (const { home: loop, box } of boxes.sort((a, b) => a.layer - b.layer)) holder(loop).push(box);
  root.edges = graph.edges.map((edge, index) => toElkEdge(edge, index, back.has(index)));
  return root;

  function holder(loop: Loop | null): ElkNode[] {
    return loop ? frames.get(loop.id)!.children! : root.children!;
  }
}

/** The edges that lead back to the header of their loop, from another node. */
export function backEdges(loops: readonly Loop[], graph: Graph): ReadonlySet<number> {
  return new Set(loops.flatMap((loop) => loop.backEdges).filter((index) => graph.edges[index]?.source !== graph.edges[index]?.target));
}

type Dock = "in" | "out";

/** Where edges that lead back dock: they are turned round for ELK, which would take the other side. */
function docksOf(graph: Graph, back: ReadonlySet<number>): ReadonlyMap<string, ReadonlySet<Dock>> {
  const docks = new Map<string, Set<Dock>>();
  const add = (id: string, dock: Dock) => docks.set(id, (docks.get(id) ?? new Set()).add(dock));
  for (const index of back) {
    add(graph.edges[index]!.target, "in");
    add(graph.edges[index]!.source, "out");
  }
  return docks;
}

const SIDES: Record<Direction, Record<Dock, string>> = { RIGHT: { in: "WEST", out: "EAST" }, DOWN: { in: "NORTH", out: "SOUTH" } };

function step(id: string, docks: ReadonlyMap<string, ReadonlySet<Dock>>, direction: Direction): ElkNode {
  const box: ElkNode = { id: `n:${id}`, width: NODE_WIDTH, height: NODE_HEIGHT };
  const own = docks.get(id);
  if (!own) return box;
  const ports = [...own].map((dock) => ({ id: dockId(dock, id), width: 0, height: 0, layoutOptions: { "elk.port.side": SIDES[direction][dock] } }));
  return { ...box, ports, layoutOptions: { "elk.portConstraints": "FIXED_SIDE" } };
}

const dockId = (dock: Dock, node: string) => `${dock}:${node}`;

function toElkEdge(edge: GraphEdge, index: number, back: boolean): ElkExtendedEdge {
  const text = edgeLabel(edge);
  const labels = text ? [{ text, width: labelWidth(text), height: LABEL_HEIGHT, layoutOptions: { "elk.edgeLabels.inline": "true" } }] : [];
  // Turned round, a loop has no cycle: its header comes first, whatever the layout thinks of cycles.
  const ends = back ? [dockId("in", edge.target), dockId("out", edge.source)] : [`n:${edge.source}`, `n:${edge.target}`];
  return { id: `e:${index}`, sources: [ends[0]!], targets: [ends[1]!], labels };
}

function frame(loop: Loop): ElkNode {
  return { id: loop.id, children: [], layoutOptions: { "elk.padding": "[top=44,left=22,bottom=22,right=22]" } };
}

export function elkOptions(graph: Graph, direction: Direction): Record<string, string> {
  const large = graph.nodes.length > LARGE;
  return {
    "elk.algorithm": "layered",
    "elk.direction": direction,
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.json.shapeCoords": "ROOT",
    "elk.json.edgeCoords": "ROOT",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.spacing.nodeNode": "28",
    "elk.spacing.edgeNode": "20",
    "elk.spacing.edgeEdge": "14",
    "elk.layered.spacing.nodeNodeBetweenLayers": "52",
    "elk.layered.spacing.edgeNodeBetweenLayers": "22",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    "elk.layered.nodePlacement.strategy": large ? "LINEAR_SEGMENTS" : "NETWORK_SIMPLEX",
    "elk.layered.nodePlacement.favorStraightEdges": "true",
    "elk.layered.thoroughness": large ? "2" : "10",
    "elk.layered.feedbackEdges": "true",
    "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
    "elk.separateConnectedComponents": large ? "false" : "true",
  };
}
