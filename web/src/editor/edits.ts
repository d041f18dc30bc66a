import type { GraphDoc, NodeType, RawEdge, RawNode, Selection } from "./document";

export interface Place {
  x: number;
  y: number;
}

/** An id that no node has yet: the wish itself, else with the next number behind it. */
export function freshId(doc: GraphDoc, wish: string, taken: ReadonlySet<string> = new Set()): string {
  const used = new Set([...doc.nodes.map((node) => node.id), ...taken]);
  if (!used.has(wish)) return wish;
  const stem = wish.replace(/_\d+$/, "");
  for (let n = 2; ; n++) if (!used.has(`${stem}_${n}`)) return `${stem}_${n}`;
}

/** What most nodes of a type will have, to be filled in. */
const BEGINNINGS: Readonly<Record<string, { [key: string]: unknown }>> = {
  condition: { branches: [{ name: "yes", when: "" }], default: "no" },
};

export function newNode(doc: GraphDoc, kind: NodeType, position: Place | null): RawNode {
  const id = freshId(doc, kind.name.replace(/[^A-Za-z0-9_]+/g, "_"));
  const config = BEGINNINGS[kind.name] ?? firstConfig(kind);
  return { id, type: kind.name, ...(config ? { config } : {}), ...(position ? { position: rounded(position) } : {}) };
}

/** What the config cannot do without, where its schema says what to begin with. */
function firstConfig(kind: NodeType): { [key: string]: unknown } | null {
  const { required, properties } = kind.config;
  if (!Array.isArray(required) || typeof properties !== "object" || properties === null) return null;
  const known = properties as Record<string, { default?: unknown } | undefined>;
  const entries = required.flatMap((name) => {
    const begin = known[String(name)]?.default;
    return begin === undefined ? [] : [[String(name), begin] as const];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : null;
}

export function addNode(doc: GraphDoc, node: RawNode): GraphDoc {
  return { ...doc, nodes: [...doc.nodes, node] };
}

/** The graph with one more edge; an edge that says the same already is enough. */
export function addEdge(doc: GraphDoc, edge: RawEdge): GraphDoc {
  const said = JSON.stringify(edge);
  if (doc.edges.some((one) => JSON.stringify(one) === said)) return doc;
  return { ...doc, edges: [...doc.edges, edge] };
}

export function changeEdge(doc: GraphDoc, index: number, change: Partial<RawEdge>): GraphDoc {
  return { ...doc, edges: doc.edges.map((edge, at) => (at === index ? { ...edge, ...change } : edge)) };
}

/** The graph without what is selected; edges go with their nodes. */
export function remove(doc: GraphDoc, selection: Selection): GraphDoc {
  if (selection.kind === "edge") return { ...doc, edges: doc.edges.filter((_, index) => index !== selection.index) };
  const gone = new Set(idsOf(selection));
  if (gone.size === 0) return doc;
  const next = {
    ...doc,
    nodes: doc.nodes.filter((node) => !gone.has(node.id)),
    edges: doc.edges.filter((edge) => !gone.has(edge.source) && !gone.has(edge.target)),
  };
  if (typeof doc.entry === "string" && gone.has(doc.entry)) delete (next as GraphDoc).entry;
  return next;
}

export function setPlaces(doc: GraphDoc, places: ReadonlyMap<string, Place>): GraphDoc {
  const nodes = doc.nodes.map((node) => {
    const place = places.get(node.id);
    if (!place) return node;
    const position = rounded(place);
    const before = placeOf(node);
    return before && before.x === position.x && before.y === position.y ? node : { ...node, position };
  });
  return { ...doc, nodes };
}

/** Where the document says that a node stands. */
export function placeOf(node: RawNode): Place | null {
  const { position } = node;
  if (typeof position !== "object" || position === null || !("x" in position) || !("y" in position)) return null;
  const { x, y } = position;
  return typeof x === "number" && typeof y === "number" ? { x, y } : null;
}

export function rounded({ x, y }: Place): Place {
  return { x: Math.round(x), y: Math.round(y) };
}

export function idsOf(selection: Selection): string[] {
  if (selection.kind === "node") return [selection.id];
  return selection.kind === "many" ? selection.ids : [];
}

export function selectionOf(ids: readonly string[]): Selection {
  const [first, ...rest] = ids;
  if (first === undefined) return { kind: "none" };
  return rest.length === 0 ? { kind: "node", id: first } : { kind: "many", ids: [...ids] };
}

/** The selection as it is in the next graph: what is gone is left out, what was renamed in its place is kept. */
export function carried(selection: Selection, before: GraphDoc, next: GraphDoc): Selection {
  if (selection.kind === "edge") return next.edges[selection.index] ? selection : { kind: "none" };
  const there = new Set(next.nodes.map((node) => node.id));
  const ids = idsOf(selection);
  if (ids.every((id) => there.has(id))) return selection;
  const old = new Set(before.nodes.map((node) => node.id));
  const same = before.nodes.length === next.nodes.length;
  return selectionOf(
    ids.flatMap((id) => {
      if (there.has(id)) return [id];
      const renamed = same ? next.nodes[before.nodes.findIndex((node) => node.id === id)]?.id : undefined;
      return renamed !== undefined && !old.has(renamed) ? [renamed] : [];
    }),
  );
}
