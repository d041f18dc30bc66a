import type { GraphDoc } from "../document";

/** The ids of the nodes that have run, or may have run, when a node does; its own among them only inside a loop. */
export function upstreamOf(doc: GraphDoc, id: string): string[] {
  const before = new Map<string, string[]>();
  for (const { source, target } of doc.edges) before.set(target, [...(before.get(target) ?? []), source]);
  const seen = new Set<string>();
  const todo = [...(before.get(id) ?? [])];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    todo.push(...(before.get(next) ?? []));
  }
  return doc.nodes.map((node) => node.id).filter((name) => seen.has(name));
}

/** Whether a node stands in a loop. */
export function isInLoop(doc: GraphDoc, id: string): boolean {
  return upstreamOf(doc, id).includes(id);
}
