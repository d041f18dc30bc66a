import type { ReactFlowInstance } from "@xyflow/react";
import { arrange } from "./arrange";
import { closing, fitsBetween, putBetween } from "./between";
import { boundsOf, wholeView } from "./camera";
import { copied, pasted } from "./clipboard";
import { FAR_ZOOM } from "../graph/motion";
import type { Catalog } from "./document";
import { addEdge, addNode, idsOf, type Place, placeOf, remove, selectionOf, setPlaces } from "./edits";
import { freePlace, placeAfter } from "./places";
import type { Piece } from "./pieces";
import { branchesOf, edgeFrom, HEAD, heightOf, WIDTH } from "./shape";
import type { EditorStore } from "./store";

/** Where a new node hangs on. */
export interface From {
  source: string;
  port: string | null;
}

type Flow = Pick<ReactFlowInstance, "screenToFlowPosition" | "flowToScreenPosition" | "setCenter" | "setViewport" | "getZoom">;

const PANE = ".canvas";
const READABLE = 0.6;

/** What people do to a graph on the canvas, with the mouse or without. */
export class Deeds {
  constructor(
    readonly store: EditorStore,
    private readonly flow: Flow,
    private readonly catalog: Catalog,
    private readonly say: (text: string) => void,
  ) {}

  /** Adds a node: at a place, else behind what it hangs on, else where one looks. */
  add(piece: Piece, { at, from }: { at?: Place | undefined; from?: From | null | undefined } = {}): void {
    const { store } = this;
    const behind = from ? placeAfter(store.doc, from.source, HEAD, store.places) : null;
    const node = piece.make(store.doc, at ?? behind ?? this.middle());
    let next = addNode(this.placed(), node);
    if (from) next = addEdge(next, edgeFrom(from.source, from.port, node.id));
    store.change(next, `Add ${node.id}`, { selection: { kind: "node", id: node.id } });
    this.show(node.id);
  }

  /** Puts a node onto an edge: where it is wished, as far as there is room. */
  insert(piece: Piece, index: number, middle: Place): void {
    const { store } = this;
    const edge = store.doc.edges[index];
    if (!edge || !fitsBetween(piece.type)) return this.add(piece, { at: corner(middle) });
    const before = this.placed();
    const { doc, id } = putBetween(before, index, (place) => piece.make(before, place), corner(middle), store.places);
    store.change(doc, `Put ${id} onto ${edge.source} → ${edge.target}`, { selection: { kind: "node", id } });
    this.show(id);
  }

  /** The middle of an edge, by which a node is put onto it without a mouse. */
  middleOf(index: number): Place | null {
    const edge = this.store.doc.edges[index];
    const [from, to] = [edge && this.store.places.get(edge.source), edge && this.store.places.get(edge.target)];
    return from && to ? { x: (from.x + to.x + WIDTH) / 2, y: (from.y + to.y + HEAD) / 2 } : null;
  }

  /** Brings the middle of an edge into sight, if it is not: the keyboard goes also to edges that nobody sees. */
  showEdge(index: number): void {
    const middle = this.middleOf(index);
    const pane = document.querySelector(PANE)?.getBoundingClientRect();
    if (!middle || !pane) return;
    const { x, y } = this.flow.flowToScreenPosition(middle);
    const seen = x >= pane.left && x <= pane.right && y >= pane.top && y <= pane.bottom;
    if (!seen) void this.flow.setCenter(middle.x, middle.y, { zoom: this.flow.getZoom(), duration: 200 });
  }

  /** What a node that is added now would hang on: the one that is selected, if anything can follow on it. */
  follows(type: string): From | null {
    const { selection } = this.store.get();
    const node = selection.kind === "node" ? this.store.doc.nodes.find(({ id }) => id === selection.id) : undefined;
    if (!node || node.type === "output" || type === "input") return null;
    const taken = new Set(this.store.doc.edges.filter(({ source }) => source === node.id).map(({ branch }) => branch));
    const free = branchesOf(node).find((branch) => !taken.has(branch));
    return { source: node.id, port: free === undefined ? null : `branch:${free}` };
  }

  connect(from: From, target: string): void {
    const { store } = this;
    const edge = closing(store.doc, edgeFrom(from.source, from.port, target));
    const next = addEdge(store.doc, edge);
    const index = next.edges.findIndex((one) => JSON.stringify(one) === JSON.stringify(edge));
    store.change(next, `Connect ${from.source} to ${target}`);
    store.select({ kind: "edge", index });
  }

  move(places: ReadonlyMap<string, Place>): void {
    if (places.size === 0) return;
    const { store } = this;
    const what = places.size === 1 ? `Move ${[...places.keys()][0]}` : `Move ${places.size} nodes`;
    store.change(setPlaces(store.doc, new Map([...this.unplaced(), ...places])), what, { key: `move:${[...places.keys()].join()}` });
  }

  removeSelected(): void {
    const { store } = this;
    const { selection } = store.get();
    const ids = idsOf(selection);
    if (selection.kind === "none") return;
    const what = selection.kind === "edge" ? "Delete the edge" : ids.length === 1 ? `Delete ${ids[0]}` : `Delete ${ids.length} nodes`;
    store.change(remove(store.doc, selection), what, { selection: { kind: "none" } });
  }

  selectAll(): void {
    this.store.select(selectionOf(this.store.doc.nodes.map((node) => node.id)));
  }

  copy(): string | null {
    const { store } = this;
    const { selection } = store.get();
    const text = copied(store.doc, store.written.numbers, selection, store.places);
    if (text !== null) this.say(`Copied ${counted(idsOf(selection).length)}.`);
    return text;
  }

  paste(text: string, at: Place | null = null): boolean {
    const { store } = this;
    const made = pasted(this.placed(), store.written.numbers, text, at, this.catalog.nodeTypes);
    if (!made) {
      this.say("There are no nodes in the clipboard.");
      return false;
    }
    store.change(made.doc, `Paste ${counted(made.ids.length)}`, { numbers: made.numbers, selection: selectionOf(made.ids) });
    this.show(made.ids[0]!);
    return true;
  }

  duplicate(): void {
    const text = copied(this.store.doc, this.store.written.numbers, this.store.get().selection, this.store.places);
    if (text !== null) this.paste(text);
  }

  /** Lays everything out anew; where nothing had a place of its own, also the document says now where it is. */
  async tidy(): Promise<void> {
    const { store } = this;
    const { doc } = store;
    const laid = await arrange(doc);
    if (store.doc !== doc) return;
    store.set({ laid });
    store.change(setPlaces(doc, laid.places), "Tidy up");
    this.fit();
  }

  /** Shows the whole graph. */
  fit(): void {
    const bounds = boundsOf(this.store.doc, this.store.places);
    const pane = document.querySelector(PANE)?.getBoundingClientRect();
    if (bounds && pane) void this.flow.setViewport(wholeView(bounds, pane), { duration: 250 });
  }

  /** Selects a node and goes there. */
  go(id: string): void {
    this.store.select({ kind: "node", id });
    this.show(id, true);
  }

  /** Goes on along the edges, or back; from nowhere, to where runs begin. */
  walk(ahead: boolean): void {
    const { doc } = this.store;
    const [at] = idsOf(this.store.get().selection);
    const entered = new Set(doc.edges.map((edge) => edge.target));
    const next = at === undefined ? (doc.nodes.find((node) => !entered.has(node.id)) ?? doc.nodes[0])?.id : ahead ? doc.edges.find((edge) => edge.source === at)?.target : doc.edges.find((edge) => edge.target === at)?.source;
    if (next !== undefined) this.go(next);
  }

  /** Brings a node into sight, if it is not, also near enough to be read if asked, and the keyboard to it. */
  show(id: string, near = false): void {
    requestAnimationFrame(() => {
      const place = this.store.places.get(id);
      const pane = document.querySelector(PANE)?.getBoundingClientRect();
      if (!place || !pane) return;
      const [start, end] = [this.flow.flowToScreenPosition(place), this.flow.flowToScreenPosition({ x: place.x + WIDTH, y: place.y + HEAD })];
      const seen = start.x >= pane.left && start.y >= pane.top && end.x <= pane.right && end.y <= pane.bottom;
      if (!seen || (near && this.flow.getZoom() < FAR_ZOOM)) void this.flow.setCenter(place.x + WIDTH / 2, place.y + HEAD / 2, { zoom: Math.max(this.flow.getZoom(), READABLE), duration: 200 });
      requestAnimationFrame(() => document.querySelector<HTMLElement>(`${PANE} .react-flow__node[data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true }));
    });
  }

  /** The document with a place for each node, as soon as one of them gets one by hand. */
  private placed() {
    return setPlaces(this.store.doc, this.unplaced());
  }

  private unplaced(): Map<string, Place> {
    const homeless = new Set(this.store.doc.nodes.filter((node) => !placeOf(node)).map((node) => node.id));
    return new Map([...this.store.places].filter(([id]) => homeless.has(id)));
  }

  private middle(): Place {
    const pane = document.querySelector(PANE)?.getBoundingClientRect();
    const { x, y } = this.flow.screenToFlowPosition(pane ? { x: pane.left + pane.width / 2, y: pane.top + pane.height / 2 } : { x: 0, y: 0 });
    const heights = new Map(this.store.doc.nodes.map((node) => [node.id, heightOf(node)]));
    return freePlace({ x: x - WIDTH / 2, y: y - HEAD / 2 }, HEAD, this.store.places, heights);
  }
}

/** Where a node stands whose middle this is. */
function corner({ x, y }: Place): Place {
  return { x: x - WIDTH / 2, y: y - HEAD / 2 };
}

export function counted(nodes: number): string {
  return nodes === 1 ? "1 node" : `${nodes} nodes`;
}
