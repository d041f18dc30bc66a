import type { Json, Template, Workflow } from "../api/types";

/** What to fill the input with: the example of the template the workflow came from, else what its schema offers. */
export function exampleInput(workflow: Workflow, templates: readonly Template[]): Json {
  const same = ids(workflow.graph.nodes);
  const template =
    templates.find((item) => item.name === workflow.name) ??
    templates.find((item) => ids(item.graph.nodes ?? item.graph.dag?.nodes) === same);
  if (template?.input !== undefined) return template.input;
  for (const node of workflow.graph.nodes) {
    const schema = node.type === "input" ? node.config?.schema : undefined;
    if (isObject(schema)) return fromSchema(schema);
  }
  return {};
}

function ids(nodes: readonly { id: string }[] = []): string {
  return JSON.stringify(nodes.map((node) => node.id));
}

function fromSchema(schema: { [key: string]: Json }): Json {
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.examples) && schema.examples[0] !== undefined) return schema.examples[0];
  if (Array.isArray(schema.enum) && schema.enum[0] !== undefined) return schema.enum[0];
  if (isObject(schema.properties)) {
    return Object.fromEntries(Object.entries(schema.properties).map(([key, value]) => [key, isObject(value) ? fromSchema(value) : null]));
  }
  const blank: Record<string, Json> = { object: {}, array: [], string: "", number: 0, integer: 0, boolean: false };
  return typeof schema.type === "string" ? (blank[schema.type] ?? null) : {};
}

function isObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export type Parsed = { ok: true; value: Json } | { ok: false; message: string };

export function parseInput(text: string): Parsed {
  if (text.trim() === "") return { ok: true, value: {} };
  try {
    return { ok: true, value: JSON.parse(text) as Json };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? `Not JSON yet: ${error.message}` : "Not JSON yet." };
  }
}
