import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api";
import type { Graph } from "../api/types";
import { layers } from "../graph/direction";
import { elkOptions, LABEL_HEIGHT, labelWidth } from "../graph/elk-graph";
import { layoutEngine } from "../graph/engine";
import { fromElk, type Point } from "../graph/layout";
import { findLoops, innermost, type Loop } from "../graph/loops";
import type { GraphDoc, RawEdge, RawNode } from "./document";
import type { Place } from "./edits";
import { HEAD, heightOf, IN_PORT, labelOf, portOf, portsOf, WIDTH } from "./shape";

/** A line that the layout has found, good as long as both its ends stand where they stood. */
export interface Route {
  points: readonly Point[];
  label: Place | null;
  source: Place;
  target: Place;
}

export interface Arrangement {
  places: ReadonlyMap<string, Place>;
  /** By what `routeKey` says. */
  routes: ReadonlyMap<string, Route>;
}

export const LOOP_PADDING = { top: 44, side: 26, bottom: 34 } as const;

/** Lays the whole graph out from left to right. */
export async function arrange(doc: GraphDoc): Promise<Arrangement> {
  const elk = await layoutEngine();
  return fromLayout(doc, await elk.layout(toElk(doc)));
}

export function routeKey(edge: RawEdge, port: string, lane: number): string {
  return JSON.stringify([edge.source, port, edge.target, lane]);
}

export function toElk(doc: GraphDoc): ElkNode {
  const byId = new Map(doc.nodes.map((node) => [node.id, node]));
  // Edges without both of their ends are not drawn, but keep their numbers.
  const graph: Graph = { nodes: doc.nodes, edges: doc.edges, entry: doc.entry };
  const loops = loopsOf(doc);
  const home = innermost(loops);
  const order = layers(graph);
  const frames = new Map<string, ElkNode>(loops.map((loop) => [loop.id, frame(loop)]));
  const root: ElkNode = { id: "root", layoutOptions: elkOptions(graph, "RIGHT"), children: [] };
  const boxes: { layer: number; home: Loop | null; box: ElkNode }[] = [
    ...loops.map((loop) => ({ layer: order.get(loop.header) ?? 0, home: loop.parent, box: frames.get(loop.id)! })),
    ...doc.nodes.map((node) => ({ layer: order.get(node.id) ?? 0, home: home.get(node.id) ?? null, box: step(node) })),
  ];
  for (const { home: loop, box } of boxes.sort((a, b) => a.layer - b.layer)) (loop ? frames.get(loop.id)! : root).children!.push(box);
  const back = new Set(loops.flatMap((loop) => loop.backEdges));
  root.edges = doc.edges.flatMap((edge, index) => (byId.has(edge.source) && byId.has(edge.target) ? [wire(edge, index, byId.get(edge.source)!, back.has(index))] : []));
  return root;
}

function loopsOf({ nodes, edges, entry }: GraphDoc): Loop[] {
  return findLoops({ nodes, edges, entry });
}

function step(node: RawNode): ElkNode {
  const port = (id: string, x: number, y: number, side: string) => ({ id: portId(node.id, id), x, y, width: 0, height: 0, layoutOptions: { "elk.port.side": side } });
  const out = portsOf(node).map(({ id, x, y }) => port(id, x, y, id === "error" ? "SOUTH" : "EAST"));
  const ports = [port(IN_PORT, 0, HEAD / 2, "WEST"), ...out];
  return { id: `n:${node.id}`, width: WIDTH, height: heightOf(node), ports, layoutOptions: { "elk.portConstraints": "FIXED_POS" } };
}

function portId(node: string, port: string): string {
  return JSON.stringify([node, port]);
}

function frame(loop: Loop): ElkNode {
  const { top, side, bottom } = LOOP_PADDING;
  const padding = `[top=${top},left=${side},bottom=${bottom},right=${side}]`;
  // Spacings are not handed down.
  return { id: loop.id, children: [], layoutOptions: { "elk.padding": padding, "elk.spacing.nodeNode": "28", "elk.layered.spacing.nodeNodeBetweenLayers": "52" } };
}

function wire(edge: RawEdge, index: number, source: RawNode, back: boolean): ElkExtendedEdge {
  const text = labelOf(edge, source);
  const labels = text ? [{ text, width: labelWidth(text), height: LABEL_HEIGHT, layoutOptions: { "elk.edgeLabels.inline": "true" } }] : [];
  const [from, to] = [portId(edge.source, portOf(edge, source)), portId(edge.target, IN_PORT)];
  // Turned round, a loop has no cycle: its header comes first, whatever the layout thinks of cycles.
  return { id: `e:${index}`, sources: [back ? to : from], targets: [back ? from : to], labels };
}

export function fromLayout(doc: GraphDoc, root: ElkNode): Arrangement {
  const layout = fromElk(root);
  const places = new Map<string, Place>();
  for (const [id, { x, y }] of layout.nodes) places.set(id, { x: Math.round(x), y: Math.round(y) });
  const routes = new Map<string, Route>();
  const back = new Set(loopsOf(doc).flatMap((loop) => loop.backEdges));
  const byId = new Map(doc.nodes.map((node) => [node.id, node]));
  lanes(doc).forEach((lane, index) => {
    const edge = doc.edges[index]!;
    const drawn = layout.edges.get(index);
    const [source, target] = [places.get(edge.source), places.get(edge.target)];
    if (!drawn || drawn.points.length < 2 || !source || !target) return;
    const { label } = drawn;
    const middle = label && { x: label.x + label.width / 2, y: label.y + label.height / 2 };
    const points = back.has(index) ? [...drawn.points].reverse() : drawn.points;
    routes.set(routeKey(edge, portOf(edge, byId.get(edge.source)), lane), { points, label: middle, source, target });
  });
  return { places, routes };
}

/** The number of each edge among those between the same ends. */
export function lanes(doc: GraphDoc): number[] {
  const count = new Map<string, number>();
  return doc.edges.map(({ source, target }) => {
    const key = JSON.stringify([source, target]);
    const lane = count.get(key) ?? 0;
    count.set(key, lane + 1);
    return lane;
  });
}
