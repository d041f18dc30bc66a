import { type GraphDoc, isObject, type RawEdge, type RawNode } from "./document";

export type Read = { ok: true; doc: GraphDoc } | { ok: false; message: string };

const HANDLERS: Record<string, string> = { call_external_service: "http", llm_service: "llm" };
const ENDS: Record<string, string> = { from_node_id: "source", from: "source", to_node_id: "target", to: "target" };

/** The graph that a JSON value says, in any form that the server takes too; what is unknown is kept as it is. */
export function readDocument(value: unknown): Read {
  if (!isObject(value)) return refused("A graph is a JSON object with “nodes” and “edges”.");
  const { dag, ...around } = value;
  const source: { [key: string]: unknown } = isObject(dag) ? { ...dag, ...around } : value;
  const { nodes = [], edges } = source;
  if (!Array.isArray(nodes)) return refused("“nodes” is a list.");
  if (edges !== undefined && edges !== null && !Array.isArray(edges)) return refused("“edges” is a list.");
  const known = new Set<string>();
  const plainNodes: RawNode[] = [];
  for (const [index, node] of nodes.entries()) {
    if (!isObject(node) || typeof node.id !== "string") return refused(`The node at /nodes/${index} needs an “id”.`);
    if (known.has(node.id)) return refused(`Two nodes are called “${node.id}”; give one of them another id.`);
    known.add(node.id);
    plainNodes.push(plainNode(node, node.id));
  }
  const plainEdges: RawEdge[] = [];
  for (const [index, edge] of (edges ?? []).entries()) {
    const plain = isObject(edge) ? plainEdge(edge) : null;
    if (!plain) return refused(`The edge at /edges/${index} needs a “source” and a “target”.`);
    plainEdges.push(plain);
  }
  return { ok: true, doc: { ...source, nodes: plainNodes, edges: [...plainEdges, ...dependencies(nodes)] } };
}

function plainNode(node: { [key: string]: unknown }, id: string): RawNode {
  const { handler, ...rest } = node;
  delete rest.dependencies;
  const named = typeof handler === "string" ? (HANDLERS[handler] ?? handler) : "";
  const type = typeof rest.type === "string" ? rest.type : named;
  return "type" in rest || !("handler" in node) ? { ...rest, id, type } : { id, type, ...rest };
}

function plainEdge(edge: { [key: string]: unknown }): RawEdge | null {
  const plain = Object.fromEntries(Object.entries(edge).map(([key, value]) => [ENDS[key] ?? key, value]));
  return typeof plain.source === "string" && typeof plain.target === "string" ? (plain as RawEdge) : null;
}

function dependencies(nodes: readonly unknown[]): RawEdge[] {
  return nodes.flatMap((node) => {
    if (!isObject(node) || !Array.isArray(node.dependencies)) return [];
    return node.dependencies.map((source) => ({ source: String(source), target: String(node.id) }));
  });
}

function refused(message: string): Read {
  return { ok: false, message };
}
