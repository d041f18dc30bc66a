/** A graph as the editor holds it: raw JSON in the normal form, with every field that anybody has put there. */
export interface GraphDoc {
  nodes: RawNode[];
  edges: RawEdge[];
  [field: string]: unknown;
}

export interface RawNode {
  id: string;
  type: string;
  [field: string]: unknown;
}

export interface RawEdge {
  source: string;
  target: string;
  [field: string]: unknown;
}

export type Selection =
  | { kind: "none" }
  | { kind: "node"; id: string }
  | { kind: "edge"; index: number }
  | { kind: "many"; ids: string[] };

/** What the server says is wrong with a graph; the pointer leads to the place in the document. */
export interface Problem {
  code: string;
  pointer: string;
  message: string;
  node_id?: string | null;
  /** The index of an edge. */
  edge?: number | null;
}

export interface NodeType {
  name: string;
  title: string;
  description: string;
  /** The JSON Schema of its config. */
  config: { [key: string]: unknown };
  /** Places in it that hold bare expressions, and those that hold no templates, as in branches.*.when. */
  expressions?: string[];
  literal?: string[];
}

export interface Tool {
  name: string;
  description: string;
  /** The JSON Schema of what it takes. */
  args: { [key: string]: unknown };
}

/** What graphs can be built with. */
export interface Catalog {
  nodeTypes: NodeType[];
  tools: Tool[];
}

export const NOTHING: Selection = { kind: "none" };

export const EMPTY_DOC: GraphDoc = { nodes: [], edges: [] };

export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
