import type { Catalog, NodeType, Tool } from "../editor/document";

/** A node type or a tool, with the JSON Schema of what it takes. */
export interface Entry {
  kind: "type" | "tool";
  /** What the address calls it. */
  key: string;
  name: string;
  title: string;
  description: string;
  schema: unknown;
  /** Places in a node type's config that hold bare expressions, or no templates at all. */
  expressions: readonly string[];
  literal: readonly string[];
}

/** All that graphs can be built with, as one list. */
export function entriesOf({ nodeTypes, tools }: Catalog): Entry[] {
  return [...nodeTypes.map(ofType), ...tools.map(ofTool)];
}

function ofType({ name, title, description, config, expressions = [], literal = [] }: NodeType): Entry {
  return { kind: "type", key: `type:${name}`, name, title, description, schema: config, expressions, literal };
}

function ofTool({ name, description, args }: Tool): Entry {
  return { kind: "tool", key: `tool:${name}`, name, title: name, description, schema: args, expressions: [], literal: [] };
}
