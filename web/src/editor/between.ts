import { findLoops } from "../graph/loops";
import type { GraphDoc, RawEdge, RawNode } from "./document";
import { addNode, type Place, setPlaces } from "./edits";
import { freePlace } from "./places";
import { branchesOf, edgeFrom, HEAD, heightOf, WIDTH } from "./shape";

const BESIDE = 64;
const CLOSE = 24;

/**
 * The graph with a node on an edge. What the edge says — its condition, its branch, its error, its label — stays with its
 * first half, which is the old edge with a new end; the second half is always taken. Where the edge is the way back of a
 * loop, that has to carry a condition, and gets one that is always true.
 */
export function withNodeOn(doc: GraphDoc, index: number, node: RawNode): GraphDoc {
  const edge = doc.edges[index];
  if (!edge) return addNode(doc, node);
  const back = waysBack(doc).has(index);
  const branch = branchesOf(node)[0];
  const plain = edgeFrom(node.id, branch === undefined ? null : `branch:${branch}`, edge.target);
  const second: RawEdge = back && branch === undefined ? { ...plain, condition: "true" } : plain;
  const edges = doc.edges.flatMap((one, at) => (at === index ? [{ ...edge, target: node.id }, second] : [one]));
  return { ...addNode(doc, node), edges };
}

/** The edge, which begins with a condition to be filled in where it closes a loop: that has to say when it goes on. */
export function closing(doc: GraphDoc, edge: RawEdge): RawEdge {
  if (edge.branch !== undefined || edge.on !== undefined) return edge;
  const back = waysBack(doc);
  const ahead = { ...doc, edges: doc.edges.filter((_, index) => !back.has(index)) };
  return reached(ahead, edge.target).has(edge.source) ? { ...edge, condition: "" } : edge;
}

/** The indexes of the edges that lead back to the header of a loop. */
function waysBack({ nodes, edges, entry }: GraphDoc): Set<number> {
  return new Set(findLoops({ nodes, edges, entry }).flatMap((loop) => loop.backEdges));
}

/** Whether a node of this type can stand between two others. */
export function fitsBetween(type: string): boolean {
  return type !== "input" && type !== "output";
}

/** Room for a node on an edge: where it is wished, if nothing stands there, else between its ends, which go apart for it. */
function roomOn(doc: GraphDoc, index: number, wish: Place, places: ReadonlyMap<string, Place>): { at: Place; moved: Map<string, Place> } {
  const still = { at: wish, moved: new Map<string, Place>() };
  const edge = doc.edges[index];
  const [from, to] = [edge && places.get(edge.source), edge && places.get(edge.target)];
  if (!edge || !from || !to) return still;
  const heights = new Map(doc.nodes.map((node) => [node.id, heightOf(node)]));
  if (!crowded(wish, places, heights)) return still;
  if (to.x < from.x + WIDTH) return { ...still, at: freePlace(wish, HEAD, places, heights) };
  const at = { x: from.x + WIDTH + BESIDE, y: wish.y };
  const lack = at.x + WIDTH + BESIDE - to.x;
  const behind = lack > 0 ? reached(doc, edge.target) : new Set<string>();
  behind.delete(edge.source);
  const moved = new Map([...behind].flatMap((id): [string, Place][] => {
    const place = places.get(id);
    return place && place.x >= to.x ? [[id, { x: place.x + lack, y: place.y }]] : [];
  }));
  return { at: freePlace(at, HEAD, new Map([...places, ...moved]), heights), moved };
}

function crowded(at: Place, places: ReadonlyMap<string, Place>, heights: ReadonlyMap<string, number>): boolean {
  return [...places].some(([id, place]) => Math.abs(place.x - at.x) < WIDTH + CLOSE && place.y < at.y + HEAD + CLOSE && place.y + (heights.get(id) ?? HEAD) + CLOSE > at.y);
}

function reached(doc: GraphDoc, first: string): Set<string> {
  const next = new Map<string, string[]>();
  for (const { source, target } of doc.edges) next.set(source, [...(next.get(source) ?? []), target]);
  const found = new Set([first]);
  for (const id of found) for (const target of next.get(id) ?? []) found.add(target);
  return found;
}

/** The graph with a node on an edge, at a place that has room for it. */
export function putBetween(doc: GraphDoc, index: number, make: (place: Place) => RawNode, wish: Place, places: ReadonlyMap<string, Place>): { doc: GraphDoc; id: string } {
  const { at, moved } = roomOn(doc, index, wish, places);
  const node = make(at);
  return { doc: withNodeOn(setPlaces(doc, moved), index, node), id: node.id };
}
