import { type Edge, type Node, Position } from "@xyflow/react";
import type { Plan } from "../api/types";
import { type Arrangement, lanes, type Route, routeKey } from "./arrange";
import type { GraphDoc, Problem, RawEdge, RawNode, Selection } from "./document";
import { idsOf, type Place } from "./edits";
import { floorsOf, framesOf } from "./frames";
import { HEAD, heightOf, IN_PORT, labelOf, portOf, portsOf, WIDTH } from "./shape";
import { type Line, lineOf, lineThrough } from "./wires";

export type StepNode = Node<{ raw: RawNode; problems: readonly string[] }, "step">;
export type FrameNode = Node<{ limit: number; header: string }, "frame">;
export type FlowNode = StepNode | FrameNode;
export type WireEdge = Edge<{ index: number; line: Line; label: string | null; full: string; error: boolean; problems: readonly string[] }, "wire">;

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
const BELOW = 30;

/** Draws graphs, and again only what has changed since the last time: dragging one of 1,000 nodes draws one. */
export class Drawer {
  private nodes = new Map<string, { parts: readonly unknown[]; drawn: StepNode }>();
  private edges = new Map<number, { parts: readonly unknown[]; drawn: WireEdge }>();
  private said: { problems: readonly Problem[]; nodes: Map<string, string[]>; edges: Map<number, string[]> } | null = null;

  draw({ doc, places, laid, plan, problems, selection, readOnly }: Drawing): Flow {
    const byId = new Map(doc.nodes.map((node) => [node.id, node]));
    const chosen = new Set(idsOf(selection));
    if (this.said?.problems !== problems) this.said = { problems, ...sorted(problems) };
    const { said } = this;
    const steps = doc.nodes.map((raw) => this.step(raw, places.get(raw.id)!, chosen.has(raw.id), said.nodes.get(raw.id) ?? NONE, readOnly));
    const frames = framesOf(plan, byId, places);
    const floors = floorsOf(plan, frames);
    const lane = lanes(doc);
    const edges = doc.edges.flatMap((raw, index) => {
      const [source, target] = [byId.get(raw.source), byId.get(raw.target)];
      if (!source || !target) return [];
      const picked = selection.kind === "edge" && selection.index === index;
      return [this.wire({ raw, index, source, target, places, laid, picked, floor: floors.get(index), lane: lane[index]!, problems: said.edges.get(index) ?? NONE, readOnly })];
    });
    const framed: FlowNode[] = frames.map(({ header, limit, box }) => frameNode(header, limit, box));
    return { nodes: [...framed, ...steps], edges };
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
  const route = laid.routes.get(routeKey(raw, port, lane));
  const label = labelOf(raw, source);
  const words = [raw.name, raw.condition, raw.branch].filter((part) => typeof part === "string");
  return {
    id: `e:${index}`,
    type: "wire",
    source: raw.source,
    target: raw.target,
    sourceHandle: port,
    targetHandle: IN_PORT,
    data: { index, line: lineFor(source, target, from, to, port, route, floor, lane), label, full: words.join(" · "), error: raw.on === "error", problems },
    selected: picked,
    reconnectable: !readOnly,
    zIndex: 1,
    ariaLabel: `Edge from ${raw.source} to ${raw.target}${words.length > 0 ? `, ${words.join(", ")}` : ""}`,
  };
}

function lineFor(source: RawNode, target: RawNode, from: Place, to: Place, port: string, route: Route | undefined, floor: number | undefined, lane: number): Line {
  if (route && route.source.x === from.x && route.source.y === from.y && route.target.x === to.x && route.target.y === to.y) return lineThrough(route.points, route.label);
  const dock = portsOf(source).find(({ id }) => id === port) ?? { x: WIDTH, y: HEAD / 2 };
  const under = Math.max(from.y + heightOf(source), to.y + heightOf(target)) + BELOW;
  return lineOf({ from: { x: from.x + dock.x, y: from.y + dock.y }, to: { x: to.x, y: to.y + HEAD / 2 }, below: port === "error", floor: floor ?? under, lane });
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
