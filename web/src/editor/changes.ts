import { type GraphDoc, isObject, type RawEdge, type RawNode } from "./document";
import { Exactly, type Numbers, sameNumbers, withLargeNumbers } from "./exact";

/** One field with what it was and what it is; absent on the side where the field is not there. */
export interface FieldChange {
  pointer: string;
  before?: unknown;
  after?: unknown;
}

/** What changed from one graph to another, in the form in which the server tells it of two versions. */
export interface Changes {
  nodes: { added: RawNode[]; removed: RawNode[]; changed: { id: string; changes: FieldChange[] }[] };
  edges: { added: RawEdge[]; removed: RawEdge[]; changed: { source: string; target: string; changes: FieldChange[] }[] };
  graph: FieldChange[];
}

export function changesBetween(before: GraphDoc, after: GraphDoc): Changes {
  const { nodes: oldNodes, edges: oldEdges, ...oldRest } = before;
  const { nodes: newNodes, edges: newEdges, ...newRest } = after;
  return { nodes: nodeChanges(oldNodes, newNodes), edges: edgeChanges(oldEdges, newEdges), graph: fieldChanges(oldRest, newRest) };
}

/** What changed from one graph to another, also where only a number has that JavaScript would round. */
export function changesOfWritten(before: Written, after: Written): Changes {
  return changesBetween(withLargeNumbers(before.doc, before.numbers), withLargeNumbers(after.doc, after.numbers));
}

function nodeChanges(before: readonly RawNode[], after: readonly RawNode[]): Changes["nodes"] {
  const old = new Map(before.map((node) => [node.id, node]));
  const now = new Set(after.map((node) => node.id));
  const changed = after.flatMap((node) => {
    const was = old.get(node.id);
    const changes = was && was !== node ? fieldChanges(was, node) : [];
    return changes.length > 0 ? [{ id: node.id, changes }] : [];
  });
  return { added: after.filter((node) => !old.has(node.id)), removed: before.filter((node) => !now.has(node.id)), changed };
}

/** An edge has changed, rather than gone and come, when it is the only one between its ends on either side. */
function edgeChanges(before: readonly RawEdge[], after: readonly RawEdge[]): Changes["edges"] {
  const said = (edges: readonly RawEdge[]) => new Set(edges.map(canonical));
  const [knownBefore, knownAfter] = [said(before), said(after)];
  const gone = byEnds(before.filter((edge) => !knownAfter.has(canonical(edge))));
  const come = byEnds(after.filter((edge) => !knownBefore.has(canonical(edge))));
  const moved = new Set([...gone.keys()].filter((key) => gone.get(key)!.length === 1 && come.get(key)?.length === 1));
  const rest = (edges: typeof gone) => [...edges].flatMap(([key, list]) => (moved.has(key) ? [] : list));
  const changed = [...moved].map((key) => {
    const [was, is] = [gone.get(key)![0]!, come.get(key)![0]!];
    return { source: is.source, target: is.target, changes: fieldChanges(was, is) };
  });
  return { added: rest(come), removed: rest(gone), changed };
}

function byEnds(edges: readonly RawEdge[]): Map<string, RawEdge[]> {
  const found = new Map<string, RawEdge[]>();
  for (const edge of edges) {
    const ends = JSON.stringify([edge.source, edge.target]);
    found.set(ends, [...(found.get(ends) ?? []), edge]);
  }
  return found;
}

function canonical(edge: RawEdge): string {
  return JSON.stringify(Object.entries(edge).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** The innermost fields in which two values differ; lists differ as a whole. */
export function fieldChanges(before: unknown, after: unknown, pointer = ""): FieldChange[] {
  if (before === after) return [];
  if (isObject(before) && isObject(after) && !(before instanceof Exactly || after instanceof Exactly)) {
    const names = [...Object.keys(before), ...Object.keys(after).filter((name) => !(name in before))];
    return names.flatMap((name) => fieldChanges(before[name], after[name], pointer + step(name)));
  }
  if (before !== undefined && after !== undefined && equal(before, after)) return [];
  return [{ pointer, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

function step(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

export function equal(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((item, at) => equal(item, other[at]));
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && equal(one[key], other[key]));
}

export interface Written {
  doc: GraphDoc;
  numbers: Numbers;
}

/** Whether both say the same, down to how numbers are written. */
export function sameGraph(one: Written, other: Written): boolean {
  return equal(one.doc, other.doc) && sameNumbers(one.numbers, other.numbers);
}
