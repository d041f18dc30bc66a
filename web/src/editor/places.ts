import type { GraphDoc, RawNode } from "./document";
import { type Place, placeOf } from "./edits";
import { heightOf, WIDTH } from "./shape";

const BESIDE = 64;
const GAP = 28;

/** Where every node stands: where the document says, else where the layout put it, else beside what leads to it. */
export function allPlaces(doc: GraphDoc, laid: ReadonlyMap<string, Place>): Map<string, Place> {
  const places = new Map<string, Place>();
  const homeless: RawNode[] = [];
  for (const node of doc.nodes) {
    const place = placeOf(node) ?? laid.get(node.id);
    if (place) places.set(node.id, place);
    else homeless.push(node);
  }
  if (homeless.length === 0) return places;
  const heights = new Map(doc.nodes.map((node) => [node.id, heightOf(node)]));
  for (const node of homeless) places.set(node.id, freePlace(nearby(doc, node, places), heightOf(node), places, heights));
  return places;
}

/** How many nodes have no place of their own or from the layout. */
export function homelessCount(doc: GraphDoc, laid: ReadonlyMap<string, Place>): number {
  return doc.nodes.filter((node) => !placeOf(node) && !laid.has(node.id)).length;
}

function nearby(doc: GraphDoc, node: RawNode, places: ReadonlyMap<string, Place>): Place {
  for (const { source, target } of doc.edges) {
    const before = target === node.id ? places.get(source) : undefined;
    if (before) return { x: before.x + WIDTH + BESIDE, y: before.y };
  }
  for (const { source, target } of doc.edges) {
    const after = source === node.id ? places.get(target) : undefined;
    if (after) return { x: after.x - WIDTH - BESIDE, y: after.y };
  }
  return { x: 0, y: 0 };
}

/** The wish, or the first place below it where nothing stands. */
export function freePlace(wish: Place, height: number, places: ReadonlyMap<string, Place>, heights: ReadonlyMap<string, number>): Place {
  let { y } = wish;
  const near = [...places].filter(([, place]) => Math.abs(place.x - wish.x) < WIDTH + GAP).sort(([, one], [, other]) => one.y - other.y);
  for (const [id, place] of near) {
    if (place.y + (heights.get(id) ?? 0) + GAP > y && place.y < y + height + GAP) y = place.y + (heights.get(id) ?? 0) + GAP;
  }
  return { x: wish.x, y };
}

/** Where a new node goes that follows on another. */
export function placeAfter(doc: GraphDoc, source: string, height: number, places: ReadonlyMap<string, Place>): Place | null {
  const before = places.get(source);
  if (!before) return null;
  const heights = new Map(doc.nodes.map((node) => [node.id, heightOf(node)]));
  return freePlace({ x: before.x + WIDTH + BESIDE, y: before.y }, height, places, heights);
}
