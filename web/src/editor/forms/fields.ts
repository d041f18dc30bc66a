import { isObject } from "../document";

/** What the texts of a field may hold: templates in braces, one bare expression, or neither. */
export type Role = "template" | "expression" | "literal";

export type Pick = "tools" | "workflows" | "types" | "states" | "nodes";

export type Control =
  | { kind: "text"; long: boolean }
  | { kind: "number"; integer: boolean }
  /** A text, a number or a word; `numbers` says that what reads like a number becomes one. */
  | { kind: "scalar"; numbers: boolean }
  | { kind: "boolean" }
  | { kind: "choice"; options: unknown[] }
  | { kind: "pick"; of: Pick }
  | { kind: "object"; fields: Field[] }
  | { kind: "list"; item: Field }
  /** Names that people choose, with a value each. */
  | { kind: "map"; value: Field; names?: Pick }
  /** A node definition without edges: its type, and the config that the type asks for. */
  | { kind: "inner" }
  | { kind: "any" };

export interface Field {
  key: string;
  title: string;
  hint: string | null;
  required: boolean;
  /** What holds where nothing is said. */
  initial: unknown;
  role: Role;
  control: Control;
}

type Schema = { [key: string]: unknown };

interface Around {
  defs: Schema;
  role: (place: string) => Role;
}

const LONG_NAMES = new Set(["prompt", "system", "content", "body", "text", "description", "message", "html", "sql", "code"]);
const MOST_NESTED = 8;

/** The fields that a JSON Schema of an object asks for; `role` tells what the texts at a place hold, as in branches.*.when. */
export function fieldsOf(schema: unknown, role: (place: string) => Role = () => "template"): Field[] {
  if (!isObject(schema)) return [];
  const defs = isObject(schema.$defs) ? schema.$defs : {};
  const found = controlOf(schema, "", "", { defs, role }, 0);
  return found.kind === "object" ? found.fields : [];
}

/** What the places of a config hold, as its type says. */
export function roleBy(expressions: readonly string[] = [], literal: readonly string[] = []): (place: string) => Role {
  const within = (place: string, pattern: string) => place === pattern || place.startsWith(`${pattern}.`);
  return (place) => {
    if (expressions.some((pattern) => within(place, pattern))) return "expression";
    return literal.some((pattern) => within(place, pattern)) ? "literal" : "template";
  };
}

function fieldOf(given: unknown, key: string, place: string, required: boolean, around: Around, depth: number): Field {
  const outer = isObject(given) ? given : {};
  const schema = resolved(outer, around.defs);
  const hint = outer.description ?? schema.description;
  return {
    key,
    title: titleOf(key, outer.title ?? schema.title),
    hint: typeof hint === "string" ? hint : null,
    required,
    initial: "default" in outer ? outer.default : schema.default,
    role: around.role(place),
    control: controlOf(schema, key, place, around, depth),
  };
}

function controlOf(given: Schema, key: string, place: string, around: Around, depth: number): Control {
  const schema = resolved(given, around.defs);
  if (depth > MOST_NESTED) return { kind: "any" };
  const options = alternatives(schema, around.defs);
  if (options !== null) return oneOf(options, key, place, around, depth);
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return { kind: "choice", options: schema.enum };
  if ("const" in schema) return { kind: "choice", options: [schema.const] };
  if (schema.type === "string") return { kind: "text", long: LONG_NAMES.has(key) };
  if (schema.type === "number" || schema.type === "integer") return { kind: "number", integer: schema.type === "integer" };
  if (schema.type === "boolean") return { kind: "boolean" };
  if (schema.type === "array") return listOf(schema, place, around, depth);
  if (schema.type === "object" || isObject(schema.properties)) return objectOf(schema, place, around, depth);
  return { kind: "any" };
}

function listOf(schema: Schema, place: string, around: Around, depth: number): Control {
  const items = schema.items;
  if (!isObject(items) || Object.keys(items).length === 0) return { kind: "any" };
  return { kind: "list", item: fieldOf(items, "*", join(place, "*"), true, around, depth + 1) };
}

function objectOf(schema: Schema, place: string, around: Around, depth: number): Control {
  const properties = isObject(schema.properties) ? Object.entries(schema.properties) : [];
  if (properties.length > 0) {
    const required = Array.isArray(schema.required) ? schema.required : [];
    return { kind: "object", fields: properties.map(([key, inner]) => fieldOf(inner, key, join(place, key), required.includes(key), around, depth + 1)) };
  }
  const values = schema.additionalProperties;
  if (isObject(values)) return { kind: "map", value: fieldOf(values, "*", join(place, "*"), true, around, depth + 1) };
  return { kind: "any" };
}

/** What a value may be: the members of a union but for null, and the kinds of a list of types. */
function alternatives(schema: Schema, defs: Schema): Schema[] | null {
  const listed = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(listed)) {
    const members = listed.filter(isObject).map((member) => resolved(member, defs)).filter((member) => member.type !== "null");
    return members.flatMap((member) => alternatives(member, defs) ?? [member]);
  }
  if (!Array.isArray(schema.type)) return null;
  return schema.type.filter((type) => type !== "null").map((type) => ({ ...schema, type: type as unknown }));
}

const SCALARS: unknown[] = ["string", "number", "integer", "boolean"];

function oneOf(members: Schema[], key: string, place: string, around: Around, depth: number): Control {
  const [first, ...others] = members;
  if (first === undefined) return { kind: "any" };
  if (others.length === 0) return controlOf(first, key, place, around, depth + 1);
  const role = around.role(place);
  if (members.some((member) => member.type === "string") && role !== "literal") {
    if (role === "expression") return { kind: "text", long: false };
    const numbers = first.type === "integer" || first.type === "number";
    const texts = members.some((member) => SCALARS.includes(member.type) && member.type !== "string");
    return texts ? { kind: "scalar", numbers } : { kind: "text", long: LONG_NAMES.has(key) };
  }
  if (members.every((member) => member.type === "number" || member.type === "integer")) return { kind: "number", integer: false };
  return { kind: "any" };
}

function resolved(schema: Schema, defs: Schema): Schema {
  let found = schema;
  for (let steps = 0; steps < MOST_NESTED && typeof found.$ref === "string"; steps++) {
    const named = defs[found.$ref.replace("#/$defs/", "")];
    if (!isObject(named)) return {};
    const beside = Object.entries(found).filter(([word]) => word !== "$ref");
    found = { ...named, ...Object.fromEntries(beside) };
  }
  return found;
}

function join(place: string, key: string): string {
  return place === "" ? key : `${place}.${key}`;
}

const SHORT_WORDS: Record<string, string> = { url: "URL", json: "JSON", api: "API", id: "ID", http: "HTTP" };

/** A title as people write it: On Timeout and on_timeout become On timeout, Url becomes URL. */
export function titleOf(key: string, title: unknown = undefined): string {
  const text = typeof title === "string" && title.toLowerCase().replaceAll(" ", "_") !== key.toLowerCase() ? title : key;
  if (text !== key) return text;
  const words = key.replaceAll(/[_-]+/g, " ").replaceAll(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase().split(" ").filter(Boolean);
  const known = words.map((word) => SHORT_WORDS[word] ?? word).join(" ");
  return known === "" ? key : known[0]!.toUpperCase() + known.slice(1);
}
