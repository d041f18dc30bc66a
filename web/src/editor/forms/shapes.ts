import { type Catalog, type GraphDoc, isObject } from "../document";

/** What the outputs of node types look like, for those that have not run yet. */
const OUTPUTS: Record<string, unknown> = {
  http: { status: 200, headers: {}, json: undefined, text: undefined, response: undefined },
  llm: { text: "", messages: [], usage: { input_tokens: 0, output_tokens: 0 }, structured: undefined, model: "" },
  condition: { branch: "" },
  approval: { answer: undefined, by: "" },
};

export function outputShape(type: string): unknown {
  return OUTPUTS[type];
}

/** What an input looks like, by the schema of the input node. */
export function inputShape(doc: GraphDoc): { [key: string]: unknown } {
  const node = doc.nodes.find(({ type }) => type === "input");
  const schema = isObject(node?.config) ? node.config.schema : undefined;
  const properties = isObject(schema) && isObject(schema.properties) ? Object.keys(schema.properties) : [];
  return Object.fromEntries(properties.map((key) => [key, undefined]));
}

/** Two samples of one value together: what the first has counts. */
export function merged(value: unknown, shape: unknown): unknown {
  if (value === undefined || value === null) return shape ?? value;
  return isObject(value) && isObject(shape) ? { ...shape, ...value } : value;
}

export function titleOfType(catalog: Catalog, name: string): string {
  return catalog.nodeTypes.find((type) => type.name === name)?.title ?? name;
}
