import { type GraphDoc, isObject, type RawEdge, type RawNode, type Selection } from "./document";
import { freshId, idsOf, type Place, placeOf, rounded } from "./edits";
import { copyNumbers, type Numbers, parseExact, writeExact } from "./exact";
import { readDocument } from "./reading";

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
export function pasted(doc: GraphDoc, numbers: Numbers, text: string, at: Place | null): Pasted | null {
  const from = graphIn(text);
  if (!from || from.doc.nodes.length === 0) return null;
  const names = new Map<string, string>();
  for (const { id } of from.doc.nodes) names.set(id, freshId(doc, id, new Set(names.values())));
  const shift = shiftOf(doc, from.doc, at);
  const nodes = from.doc.nodes.map((node) => moved(renamed(node, names), shift));
  const edges = from.doc.edges.filter((edge) => names.has(edge.source) && names.has(edge.target)).map((edge) => rewired(edge, names));
  const next: GraphDoc = { ...doc, nodes: [...doc.nodes, ...nodes], edges: [...doc.edges, ...edges] };
  if (isObject(from.doc.state)) next.state = { ...from.doc.state, ...(isObject(doc.state) ? doc.state : {}) };
  return { doc: next, numbers: copyNumbers(numbers, from.numbers, names), ids: nodes.map((node) => node.id) };
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

/** The node under its new id; where copies speak of one another in templates, they go on doing so. */
function renamed(node: RawNode, names: ReadonlyMap<string, string>): RawNode {
  const changed = [...names].filter(([old, id]) => old !== id);
  const told = changed.length === 0 ? node : (retold(node, changed) as RawNode);
  return { ...told, id: names.get(node.id) ?? node.id, type: node.type };
}

function rewired(edge: RawEdge, names: ReadonlyMap<string, string>): RawEdge {
  const changed = [...names].filter(([old, id]) => old !== id);
  const { condition } = edge;
  const told = typeof condition === "string" ? { condition: inExpression(condition, changed) } : {};
  return { ...edge, ...told, source: names.get(edge.source)!, target: names.get(edge.target)! };
}

/** What expressions know besides nodes; a node of such a name is spoken of as nodes["name"]. */
const OWN_WORDS: ReadonlySet<string> = new Set(["input", "state", "run", "loop", "item", "index", "secrets", "output", "nodes"]);

type Renames = readonly (readonly [string, string])[];

function retold(value: unknown, names: Renames): unknown {
  if (typeof value === "string") return value.replace(/\{[{%][\s\S]*?[}%]\}/g, (part) => inExpression(part, names));
  if (Array.isArray(value)) return value.map((item: unknown) => retold(item, names));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, retold(item, names)]));
}

/** An expression with its references to nodes under their new ids; the words in its texts stay. */
export function inExpression(text: string, names: Renames): string {
  const known = new Map(names);
  const token = /(nodes\s*\[\s*)?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\.\s*)?([A-Za-z_]\w*)(?=(\s*\.)?)/g;
  return text.replace(token, (whole, nodes: string | undefined, quoted: string | undefined, dot: string | undefined, word: string | undefined, after: string | undefined) => {
    if (quoted !== undefined) {
      const id = nodes === undefined ? undefined : known.get(quoted.slice(1, -1));
      return id === undefined ? whole : nodes + JSON.stringify(id);
    }
    const free = dot === undefined && after !== undefined && word !== undefined && !OWN_WORDS.has(word);
    const id = free ? known.get(word) : undefined;
    return id ?? whole;
  });
}

function moved(node: RawNode, shift: Place | null): RawNode {
  const place = placeOf(node);
  return place && shift ? { ...node, position: rounded({ x: place.x + shift.x, y: place.y + shift.y }) } : node;
}

const ASIDE = 36;

/** Pasted at a point: around it. Without one: where it was, beside anything that stands there already. */
function shiftOf(doc: GraphDoc, from: GraphDoc, at: Place | null): Place | null {
  const places = from.nodes.map(placeOf).filter((place) => place !== null);
  if (places.length === 0) return null;
  const left = Math.min(...places.map((place) => place.x));
  const top = Math.min(...places.map((place) => place.y));
  if (at) return { x: at.x - left, y: at.y - top };
  const taken = new Set(doc.nodes.map(placeOf).map((place) => place && `${place.x},${place.y}`));
  let aside = 0;
  while (places.some((place) => taken.has(`${Math.round(place.x + aside)},${Math.round(place.y + aside)}`))) aside += ASIDE;
  return { x: aside, y: aside };
}
