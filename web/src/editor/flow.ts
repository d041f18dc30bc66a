import { type Edge, type Node, Position } from "@xyflow/react";
import type { Plan } from "../api/types";
import { type Arrangement, lanes, routeKey } from "./arrange";
import type { GraphDoc, Problem, RawEdge, RawNode, Selection } from "./document";
import { idsOf, type Place } from "./edits";
import { floorsOf, framesOf } from "./frames";
import { HEAD, heightOf, IN_PORT, labelOf, portOf, portsOf, WIDTH } from "./shape";
import type { WireShape } from "./wires";

export type StepNode = Node<{ raw: RawNode; problems: readonly string[] }, "step">;
export type FrameNode = Node<{ limit: number; header: string }, "frame">;
export type FlowNode = StepNode | FrameNode;
export type WireEdge = Edge<{ index: number; shape: WireShape; from: Place; to: Place; floor: number | undefined; label: string | null; full: string; error: boolean; problems: readonly string[] }, "wire">;

export interface Drawing {
  doc: GraphDoc;
  places: ReadonlyMap<string, Place>;
  laid: Arrangement;
  plan: Plan | null;
  problems: readonly Problem[];
  selection: Selection;
  readOnly: boolean;
}

export interface Flow {
  nodes: FlowNode[];
  edges: WireEdge[];
}

const NONE: readonly string[] = [];

/** Draws graphs, and again only what has changed since the last time: dragging one of 1,000 nodes draws one. */
export class Drawer {
  private nodes = new Map<string, { parts: readonly unknown[]; drawn: StepNode }>();
  private edges = new Map<number, { parts: readonly unknown[]; drawn: WireEdge }>();
  private known: { doc: GraphDoc; byId: ReadonlyMap<string, RawNode>; lane: readonly number[] } | null = null;
  private said: { problems: readonly Problem[]; nodes: Map<string, string[]>; edges: Map<number, string[]> } | null = null;

  draw({ doc, places, laid, plan, problems, selection, readOnly }: Drawing): Flow {
    const { byId, lane } = this.indexed(doc);
    const chosen = new Set(idsOf(selection));
    if (this.said?.problems !== problems) this.said = { problems, ...sorted(problems) };
    const { said } = this;
    const steps = doc.nodes.map((raw) => this.step(raw, places.get(raw.id)!, chosen.has(raw.id), said.nodes.get(raw.id) ?? NONE, readOnly));
    const frames = framesOf(plan, byId, places);
    const floors = floorsOf(plan, frames);
    const edges = doc.edges.flatMap((raw, index) => {
      const [source, target] = [byId.get(raw.source), byId.get(raw.target)];
      if (!source || !target) return [];
      const picked = selection.kind === "edge" && selection.index === index;
      return [this.wire({ raw, index, source, target, places, laid, picked, floor: floors.get(index), lane: lane[index]!, problems: said.edges.get(index) ?? NONE, readOnly })];
    });
    const framed: FlowNode[] = frames.map(({ header, limit, box }) => frameNode(header, limit, box));
    return { nodes: [...framed, ...steps], edges };
  }

  /** The nodes while some of them are carried elsewhere; all others are the same as before. */
  carried(nodes: readonly FlowNode[], drawing: Drawing, moving: ReadonlyMap<string, Place>): FlowNode[] {
    const framed = new Map(this.framesWith(drawing, moving)?.map(({ header, limit, box }) => [`frame:${header}`, frameNode(header, limit, box)]));
    return nodes.map((node) => {
      const position = moving.get(node.id);
      return node.type === "frame" ? (framed.get(node.id) ?? node) : position ? { ...node, position } : node;
    });
  }

  /** How far down the edges back of loops go while nodes of theirs are carried elsewhere. */
  floorsWith(drawing: Drawing, moving: ReadonlyMap<string, Place>): Map<number, number> {
    const frames = this.framesWith(drawing, moving);
    return frames ? floorsOf(drawing.plan, frames) : new Map();
  }

  /** The frames of loops, if nodes in one are carried elsewhere. */
  private framesWith({ doc, places, plan }: Drawing, moving: ReadonlyMap<string, Place>) {
    const touched = plan?.loops.some((loop) => loop.nodes.some((id) => moving.has(id))) ?? false;
    return touched ? framesOf(plan, this.indexed(doc).byId, new Map([...places, ...moving])) : null;
  }

  private indexed(doc: GraphDoc) {
    if (this.known?.doc !== doc) this.known = { doc, byId: new Map(doc.nodes.map((node) => [node.id, node])), lane: lanes(doc) };
    return this.known;
  }

  private step(raw: RawNode, place: Place, selected: boolean, problems: readonly string[], readOnly: boolean): StepNode {
    const parts = [raw, place.x, place.y, selected, problems, readOnly];
    const before = this.nodes.get(raw.id);
    if (before && same(before.parts, parts)) return before.drawn;
    const drawn = stepNode(raw, place, selected, problems, readOnly);
    this.nodes.set(raw.id, { parts, drawn });
    return drawn;
  }

  private wire(told: Told): WireEdge {
    const { raw, index, source, target, places, laid, picked, floor, lane, problems, readOnly } = told;
    const [from, to] = [places.get(raw.source)!, places.get(raw.target)!];
    const parts = [raw, source, target, from.x, from.y, to.x, to.y, laid, picked, floor, lane, problems, readOnly];
    const before = this.edges.get(index);
    if (before && same(before.parts, parts)) return before.drawn;
    const drawn = wireEdge(told, from, to);
    this.edges.set(index, { parts, drawn });
    return drawn;
  }
}

interface Told {
  raw: RawEdge;
  index: number;
  source: RawNode;
  target: RawNode;
  places: ReadonlyMap<string, Place>;
  laid: Arrangement;
  picked: boolean;
  floor: number | undefined;
  lane: number;
  problems: readonly string[];
  readOnly: boolean;
}

function stepNode(raw: RawNode, place: Place, selected: boolean, problems: readonly string[], readOnly: boolean): StepNode {
  const label = typeof raw.name === "string" && raw.name ? raw.name : raw.id;
  const height = heightOf(raw);
  const handle = { width: 1, height: 1 };
  return {
    id: raw.id,
    type: "step",
    position: place,
    width: WIDTH,
    height,
    data: { raw, problems },
    selected,
    draggable: !readOnly,
    connectable: !readOnly,
    // What cannot be dragged would move the canvas instead, and the click would be the canvas's.
    ...(readOnly ? { className: "nopan" } : {}),
    // Told beforehand: nodes out of sight are never measured, and their edges are drawn all the same.
    handles: [
      { ...handle, type: "target", id: IN_PORT, position: Position.Left, x: 0, y: HEAD / 2 },
      ...portsOf(raw).map(({ id, x, y }) => ({ ...handle, type: "source" as const, id, x, y, position: id === "error" ? Position.Bottom : Position.Right })),
    ],
    zIndex: 2,
    ariaLabel: `Node ${label}, ${raw.type}${problems.length > 0 ? `, ${problems.length} problems` : ""}`,
  };
}

function frameNode(header: string, limit: number, { x, y, width, height }: { x: number; y: number; width: number; height: number }): FrameNode {
  const still = { draggable: false, connectable: false, selectable: false, focusable: false, deletable: false };
  return { id: `frame:${header}`, type: "frame", position: { x, y }, width, height, data: { header, limit }, zIndex: 0, ...still };
}

function wireEdge({ raw, index, source, target, laid, picked, floor, lane, problems, readOnly }: Told, from: Place, to: Place): WireEdge {
  const port = portOf(raw, source);
  const dock = portsOf(source).find(({ id }) => id === port) ?? { x: WIDTH, y: HEAD / 2 };
  const shape = { dock, heights: [heightOf(source), heightOf(target)] as const, below: port === "error", route: laid.routes.get(routeKey(raw, port, lane)), lane };
  const label = labelOf(raw, source);
  const words = [raw.name, raw.condition, raw.branch].filter((part) => typeof part === "string");
  return {
    id: `e:${index}`,
    type: "wire",
    source: raw.source,
    target: raw.target,
    sourceHandle: port,
    targetHandle: IN_PORT,
    data: { index, shape, from, to, floor, label, full: words.join(" · "), error: raw.on === "error", problems },
    selected: picked,
    reconnectable: !readOnly,
    zIndex: 1,
    ariaLabel: `Edge from ${raw.source} to ${raw.target}${words.length > 0 ? `, ${words.join(", ")}` : ""}`,
  };
}

function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.every((part, index) => part === other[index]);
}

function sorted(problems: readonly Problem[]) {
  const nodes = new Map<string, string[]>();
  const edges = new Map<number, string[]>();
  const put = <K>(map: Map<K, string[]>, key: K, message: string) => void (map.get(key)?.push(message) ?? map.set(key, [message]));
  for (const { node_id, edge, message } of problems) {
    if (typeof edge === "number") put(edges, edge, message);
    else if (typeof node_id === "string") put(nodes, node_id, message);
  }
  return { nodes, edges };
}
