import type { Json } from "../api/types";

/** One field that a JSON Schema describes, as one line of a table. */
export interface Row {
  /** The way to it, as in branches[].when. */
  path: string;
  type: string;
  required: boolean;
  initial: string | null;
  description: string | null;
}

type Schema = { [key: string]: Json };

const DEEPEST = 3;
const LONGEST = 60;

/** The fields of a schema with those inside them, in their order; what refers to itself is gone into a few steps. */
export function rowsOf(schema: unknown): Row[] {
  if (!isObject(schema)) return [];
  const defs = isObject(schema.$defs) ? schema.$defs : {};
  return fields(resolved(schema, defs), defs, "", 0);
}

function fields(schema: Schema, defs: Schema, prefix: string, depth: number): Row[] {
  if (!isObject(schema.properties) || depth > DEEPEST) return [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties).flatMap(([key, given]) => {
    const inner = isObject(given) ? resolved(given, defs) : {};
    const path = prefix + key;
    const row = { path, type: typeOf(inner, defs), required: required.includes(key), initial: initialOf(inner), description: text(inner.description) };
    return [row, ...inside(inner, defs, path, depth)];
  });
}

function inside(schema: Schema, defs: Schema, path: string, depth: number): Row[] {
  const items = isObject(schema.items) ? resolved(schema.items, defs) : null;
  if (items) return fields(items, defs, `${path}[].`, depth + 1);
  return fields(schema, defs, `${path}.`, depth + 1);
}

/** What a schema refers to, with its own words before those; of one thing or null, the thing. */
function resolved(schema: Schema, defs: Schema): Schema {
  const choices = Array.isArray(schema.anyOf) ? schema.anyOf.filter((one) => !isObject(one) || one.type !== "null") : [];
  const only = choices.length === 1 ? choices[0] : undefined;
  const aim = typeof schema.$ref === "string" ? defs[schema.$ref.split("/").at(-1) ?? ""] : only;
  if (!isObject(aim)) return schema;
  const found = resolved(aim, defs);
  const own = Object.fromEntries(Object.entries(schema).filter(([key]) => key !== "$ref" && key !== "anyOf"));
  return { ...found, ...own };
}

function typeOf(schema: Schema, defs: Schema): string {
  if (Array.isArray(schema.enum)) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return [...new Set(choices.map((one) => (isObject(one) ? typeOf(resolved(one, defs), defs) : "anything")))].join(" | ");
  if (schema.type === "array") return isObject(schema.items) ? `list of ${typeOf(resolved(schema.items, defs), defs)}` : "list";
  if (schema.type === "object" && isObject(schema.additionalProperties)) return `map to ${typeOf(resolved(schema.additionalProperties, defs), defs)}`;
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  return typeof schema.type === "string" ? schema.type : "anything";
}

function initialOf(schema: Schema): string | null {
  if (schema.default === undefined || schema.default === null) return null;
  const printed = JSON.stringify(schema.default);
  return printed.length > LONGEST ? `${printed.slice(0, LONGEST - 1)}…` : printed;
}

/** A node of this type as it may be pasted into a graph, with what it cannot do without. */
export function nodeOf(type: string, schema: unknown): Json {
  const needed = isObject(schema) && Array.isArray(schema.required) ? schema.required : [];
  const config = Object.fromEntries(needed.map((key) => [String(key), ""]));
  return { id: type, type, config };
}

function text(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
