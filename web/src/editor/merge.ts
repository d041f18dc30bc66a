import { equal } from "./changes";
import type { GraphDoc, RawEdge, RawNode } from "./document";

export interface Merged {
  doc: GraphDoc;
  /** What both have changed, each in another way; mine was taken. */
  contested: string[];
}

/** Theirs with what I have changed since the base put into it. */
export function merge(base: GraphDoc, mine: GraphDoc, theirs: GraphDoc): Merged {
  const contested: string[] = [];
  const nodes = mergeNodes(base, mine, theirs, contested);
  const there = new Set(nodes.map((node) => node.id));
  const edges = mergeEdges(base.edges, mine.edges, theirs.edges).filter((edge) => there.has(edge.source) && there.has(edge.target));
  const doc: GraphDoc = { ...theirs, nodes, edges };
  const names = new Set([...Object.keys(base), ...Object.keys(mine), ...Object.keys(theirs)]);
  for (const name of [...names].filter((one) => one !== "nodes" && one !== "edges")) {
    const value = pick(base[name], mine[name], theirs[name], name, contested);
    if (value === undefined) delete doc[name];
    else doc[name] = value;
  }
  return { doc, contested };
}

function mergeNodes(base: GraphDoc, mine: GraphDoc, theirs: GraphDoc, contested: string[]): RawNode[] {
  const [was, own] = [byId(base), byId(mine)];
  const other = byId(theirs);
  const kept = theirs.nodes.flatMap((node) => {
    const value = pick(was.get(node.id), own.get(node.id), node, node.id, contested);
    return value ? [value] : [];
  });
  const added = mine.nodes.filter((node) => {
    if (other.has(node.id)) return false;
    const before = was.get(node.id);
    if (!before) return true;
    if (equal(before, node)) return false;
    contested.push(node.id);
    return true;
  });
  return [...kept, ...added];
}

/** Mine where I have changed it, else theirs. */
function pick<T>(was: T, mine: T, theirs: T, name: string, contested: string[]): T {
  if (equal(was, mine)) return theirs;
  if (!equal(was, theirs) && !equal(mine, theirs)) contested.push(name);
  return mine;
}

function mergeEdges(base: readonly RawEdge[], mine: readonly RawEdge[], theirs: readonly RawEdge[]): RawEdge[] {
  const inside = (edge: RawEdge, edges: readonly RawEdge[]) => edges.some((one) => equal(one, edge));
  const removed = base.filter((edge) => !inside(edge, mine));
  const added = mine.filter((edge) => !inside(edge, base) && !inside(edge, theirs));
  return [...theirs.filter((edge) => !inside(edge, removed)), ...added];
}

function byId({ nodes }: GraphDoc): Map<string, RawNode> {
  return new Map(nodes.map((node) => [node.id, node]));
}
