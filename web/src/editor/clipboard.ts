import { type GraphDoc, isObject, type NodeType, type RawNode, type Selection } from "./document";
import { freshId, idsOf, type Place, placeOf, rounded } from "./edits";
import { copyNumbers, type Numbers, parseExact, writeExact } from "./exact";
import { withNodeRenamed } from "./forms/rename";
import { readDocument } from "./reading";
import { HEAD, heightOf, WIDTH } from "./shape";

export interface Pasted {
  doc: GraphDoc;
  numbers: Numbers;
  ids: string[];
}

/** The selected nodes and the edges between them, as the text of a graph of their own. */
export function copied(doc: GraphDoc, numbers: Numbers, selection: Selection, places: ReadonlyMap<string, Place>): string | null {
  const chosen = new Set(idsOf(selection));
  const nodes = doc.nodes.filter((node) => chosen.has(node.id)).map((node) => placed(node, places.get(node.id)));
  if (nodes.length === 0) return null;
  const edges = doc.edges.filter((edge) => chosen.has(edge.source) && chosen.has(edge.target));
  const state = sharedState(doc, nodes);
  return writeExact({ nodes, edges, ...(state ? { state } : {}) }, numbers, 2);
}

function placed(node: RawNode, place: Place | undefined): RawNode {
  return place && !placeOf(node) ? { ...node, position: rounded(place) } : node;
}

/** The keys of the shared state that these nodes write. */
function sharedState(doc: GraphDoc, nodes: readonly RawNode[]): { [key: string]: unknown } | null {
  if (!isObject(doc.state)) return null;
  const written = new Set(nodes.flatMap((node) => (isObject(node.writes) ? Object.keys(node.writes) : [])));
  const kept = Object.entries(doc.state).filter(([key]) => written.has(key));
  return kept.length > 0 ? Object.fromEntries(kept) : null;
}

/** The graph with what the text says added, under ids of its own; null for a text that says no graph. */
export function pasted(doc: GraphDoc, numbers: Numbers, text: string, at: Place | null, types: readonly NodeType[]): Pasted | null {
  const from = graphIn(text);
  if (!from || from.doc.nodes.length === 0) return null;
  const names = freshNames(doc, from.doc);
  let copy = from.doc;
  // No new name is an old one of another node, so that one after the other does.
  for (const [id, name] of names) if (id !== name) copy = withNodeRenamed(copy, id, name, types);
  const shift = shiftOf(doc, copy, at);
  const nodes = copy.nodes.map((node) => moved(node, shift));
  const ids = nodes.map((node) => node.id);
  const there = new Set(ids);
  const edges = copy.edges.filter((edge) => there.has(edge.source) && there.has(edge.target));
  const next: GraphDoc = { ...doc, nodes: [...doc.nodes, ...nodes], edges: [...doc.edges, ...edges] };
  if (isObject(copy.state)) next.state = { ...copy.state, ...(isObject(doc.state) ? doc.state : {}) };
  return { doc: next, numbers: copyNumbers(numbers, from.numbers, names), ids };
}

function freshNames(doc: GraphDoc, from: GraphDoc): Map<string, string> {
  const used = new Set(doc.nodes.map((node) => node.id));
  const taken = new Set(from.nodes.map((node) => node.id));
  const names = new Map<string, string>();
  for (const { id } of from.nodes) {
    const name = used.has(id) ? freshId(doc, id, taken) : id;
    taken.add(name);
    names.set(id, name);
  }
  return names;
}

function graphIn(text: string): { doc: GraphDoc; numbers: Numbers } | null {
  try {
    const { value, numbers } = parseExact(text);
    const read = readDocument(isObject(value) && isObject(value.graph) ? value.graph : value);
    return read.ok ? { doc: read.doc, numbers } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function moved(node: RawNode, shift: Place | null): RawNode {
  const place = placeOf(node);
  return place && shift ? { ...node, position: rounded({ x: place.x + shift.x, y: place.y + shift.y }) } : node;
}

const BELOW = 28;

/** Pasted at a point: there. Without one: where it was, or below that where something stands already. */
function shiftOf(doc: GraphDoc, from: GraphDoc, at: Place | null): Place | null {
  const boxes = from.nodes.flatMap((node) => {
    const place = placeOf(node);
    return place ? [{ ...place, height: heightOf(node) }] : [];
  });
  if (boxes.length === 0) return null;
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  if (at) return { x: at.x - left, y: at.y - top };
  const standing = doc.nodes.flatMap((node) => placeOf(node) ?? []);
  const step = Math.max(...boxes.map((box) => box.y + box.height)) - top + BELOW;
  const taken = (down: number) => boxes.some((box) => standing.some((place) => Math.abs(place.x - box.x) < WIDTH && Math.abs(place.y - box.y - down) < HEAD));
  let down = 0;
  while (taken(down)) down += step;
  return { x: 0, y: down };
}
