import type { Graph } from "../api/types";

/** A cycle of the graph with the node by which it is entered; loops nest. */
export interface Loop {
  id: string;
  header: string;
  nodes: ReadonlySet<string>;
  /** Indexes of the edges that lead back to the header. */
  backEdges: readonly number[];
  parent: Loop | null;
}

/** Finds the loops of a graph, outer before inner. */
export function findLoops(graph: Graph): Loop[] {
  const entry = typeof graph.entry === "string" ? graph.entry : undefined;
  const found: Loop[] = [];
  descend(graph.nodes.map((node) => node.id), graph.edges.map((_, index) => index), null);
  return found;

  function descend(ids: readonly string[], edges: readonly number[], parent: Loop | null): void {
    const parts = components(ids, edges, graph);
    const insides = edgesInside(parts, edges, graph);
    for (const [part, inside] of insides) {
      const members = parts[part]!;
      const header = headerOf(members, edges, parent, graph, entry);
      const backEdges = inside.filter((index) => graph.edges[index]?.target === header);
      const loop: Loop = { id: `loop:${header}:${found.length}`, header, nodes: members, backEdges, parent };
      found.push(loop);
      const back = new Set(backEdges);
      descend([...members], inside.filter((index) => !back.has(index)), loop);
    }
  }
}

/** The innermost loop of each node that is in one. */
export function innermost(loops: readonly Loop[]): Map<string, Loop> {
  const map = new Map<string, Loop>();
  for (const loop of loops) for (const id of loop.nodes) map.set(id, loop);
  return map;
}

/** By component, the edges that begin and end in it; components without any are left out. */
function edgesInside(parts: readonly Set<string>[], edges: readonly number[], graph: Graph): Map<number, number[]> {
  const home = new Map<string, number>();
  parts.forEach((members, part) => members.forEach((id) => home.set(id, part)));
  const inside = new Map<number, number[]>();
  for (const index of edges) {
    const edge = graph.edges[index];
    const part = edge && home.get(edge.source);
    if (part === undefined || home.get(edge!.target) !== part) continue;
    const known = inside.get(part);
    if (known) known.push(index);
    else inside.set(part, [index]);
  }
  return inside;
}

function headerOf(
  members: ReadonlySet<string>,
  edges: readonly number[],
  parent: Loop | null,
  graph: Graph,
  entry: string | undefined,
): string {
  if (entry !== undefined && members.has(entry)) return entry;
  if (parent && members.has(parent.header)) return parent.header;
  for (const index of edges) {
    const edge = graph.edges[index];
    if (edge && members.has(edge.target) && !members.has(edge.source)) return edge.target;
  }
  return members.values().next().value as string;
}

/** Strongly connected components (Tarjan), without recursion: graphs may be thousands of nodes deep. */
function components(ids: readonly string[], edges: readonly number[], graph: Graph): Set<string>[] {
  const next = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const index of edges) {
    const edge = graph.edges[index];
    if (edge && next.has(edge.target)) next.get(edge.source)?.push(edge.target);
  }
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const result: Set<string>[] = [];

  for (const root of ids) {
    if (order.has(root)) continue;
    const work: { id: string; child: number }[] = [enter(root)];
    while (work.length > 0) {
      const frame = work[work.length - 1]!;
      const child = next.get(frame.id)![frame.child++];
      if (child === undefined) {
        work.pop();
        leave(frame.id, work.at(-1)?.id);
      } else if (!order.has(child)) {
        work.push(enter(child));
      } else if (onStack.has(child)) {
        low.set(frame.id, Math.min(low.get(frame.id)!, order.get(child)!));
      }
    }
  }
  return result;

  function enter(id: string): { id: string; child: number } {
    order.set(id, order.size);
    low.set(id, order.get(id)!);
    stack.push(id);
    onStack.add(id);
    return { id, child: 0 };
  }

  function leave(id: string, caller: string | undefined): void {
    if (caller !== undefined) low.set(caller, Math.min(low.get(caller)!, low.get(id)!));
    if (low.get(id) !== order.get(id)) return;
    const members = new Set<string>();
    for (;;) {
      const member = stack.pop()!;
      onStack.delete(member);
      members.add(member);
      if (member === id) break;
    }
    result.push(members);
  }
}
