import type { Json } from "../api/types";

interface Base {
  /** The JSON pointer of the value in the body that is sent. */
  pointer: string;
  title: string;
  hint: string | null;
  required: boolean;
  initial: Json | undefined;
}

export type Field =
  | (Base & { kind: "boolean" })
  | (Base & { kind: "choice"; options: Json[] })
  | (Base & { kind: "text"; long: boolean; format: string | null })
  | (Base & { kind: "number"; integer: boolean })
  | (Base & { kind: "group"; fields: [key: string, field: Field][] })
  | (Base & { kind: "json" });

/** What has been typed and chosen, by pointer; a choice by its index. */
export type Draft = Readonly<Record<string, string>>;
export type Problems = Readonly<Record<string, string>>;
export type Reading = { ok: true; value: Json | undefined } | { ok: false; problems: Problems };

type Schema = { [key: string]: Json };

const ROOT = "/answer";
const SHORT_TEXT = 80;
const SHORT_FORMATS: Json[] = ["date", "email", "uri", "time"];
const ANYTHING = 'JSON, such as true or "yes"';
/** Words that say more than one field can ask. */
const BEYOND = ["$ref", "oneOf", "anyOf", "allOf", "not", "if", "patternProperties", "dependentSchemas", "unevaluatedProperties"];

/** What to ask for an answer of this JSON Schema; what no simple field can ask is asked as JSON. */
export function fieldOf(schema: unknown): Field {
  return build(schema, { pointer: ROOT, title: "Answer", hint: null, required: true, initial: undefined });
}

function build(schema: unknown, given: Base): Field {
  if (!isObject(schema)) return { ...given, kind: "json", hint: ANYTHING };
  const base: Base = {
    ...given,
    title: typeof schema.title === "string" ? schema.title : given.title,
    hint: typeof schema.description === "string" ? schema.description : null,
    initial: schema.default,
  };
  if (BEYOND.some((word) => word in schema)) return { ...base, kind: "json" };
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return { ...base, kind: "choice", options: schema.enum };
  if (schema.const !== undefined) return { ...base, kind: "choice", options: [schema.const], initial: schema.const };
  if (schema.type === "boolean") return { ...base, kind: "boolean" };
  if (schema.type === "number" || schema.type === "integer") return { ...base, kind: "number", integer: schema.type === "integer" };
  if (schema.type === "string") return { ...base, kind: "text", ...lengthOf(schema) };
  return groupOf(schema, base) ?? { ...base, kind: "json" };
}

function lengthOf({ format, maxLength }: Schema): { long: boolean; format: string | null } {
  const short = SHORT_FORMATS.includes(format ?? null) || (typeof maxLength === "number" && maxLength <= SHORT_TEXT);
  return { long: !short, format: typeof format === "string" ? format : null };
}

function groupOf(schema: Schema, base: Base): Field | null {
  const { properties, required = [], additionalProperties: more } = schema;
  if ((schema.type !== undefined && schema.type !== "object") || !isObject(properties) || !Array.isArray(required)) return null;
  if (isObject(more) || required.some((key) => typeof key !== "string" || !(key in properties))) return null;
  const defaults = isObject(base.initial) ? base.initial : {};
  const fields = Object.entries(properties).map(([key, inner]): [string, Field] => {
    const pointer = `${base.pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const field = build(inner, { pointer, title: words(key), hint: null, required: required.includes(key), initial: undefined });
    return [key, key in defaults ? { ...field, initial: defaults[key] } : field];
  });
  return fields.length === 0 ? null : { ...base, kind: "group", fields };
}

/** A name of a program as words: due_date and dueDate become Due date. */
function words(key: string): string {
  const parts = key.replaceAll(/[_-]+/g, " ").replaceAll(/([a-z\d])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`);
  return parts.trim() === "" ? key : parts.trim()[0]!.toUpperCase() + parts.trim().slice(1);
}

/** The draft that stands for a value; by default for what the schema says if nobody says anything. */
export function draftOf(field: Field, value: Json | undefined = field.initial): Draft {
  if (field.kind === "group") {
    const inside = isObject(value) ? value : null;
    return Object.assign({}, ...field.fields.map(([key, inner]) => (inside && key in inside ? draftOf(inner, inside[key]) : draftOf(inner)))) as Draft;
  }
  if (value === undefined) return {};
  if (field.kind === "choice") {
    const at = field.options.findIndex((option) => same(option, value));
    return at < 0 ? {} : { [field.pointer]: String(at) };
  }
  const text = field.kind === "json" ? JSON.stringify(value, null, 2) : String(value);
  return { [field.pointer]: text };
}

/** The value that a draft stands for; undefined where nothing was said and nothing has to be. */
export function read(field: Field, draft: Draft): Reading {
  if (field.kind === "group") return readGroup(field, draft);
  const said = draft[field.pointer] ?? "";
  if (said === "" && !(field.kind === "text" && field.required)) {
    return field.required ? problem(field, MISSING[field.kind]) : { ok: true, value: undefined };
  }
  if (field.kind === "boolean") return { ok: true, value: said === "true" };
  if (field.kind === "choice") return { ok: true, value: field.options[Number(said)] };
  if (field.kind === "text") return { ok: true, value: said };
  if (field.kind === "number") return Number.isFinite(Number(said)) ? { ok: true, value: Number(said) } : problem(field, "This is not a number.");
  try {
    return { ok: true, value: JSON.parse(said) as Json };
  } catch (cause) {
    return problem(field, `This is not JSON: ${(cause as Error).message}`);
  }
}

const MISSING = { boolean: "Choose yes or no.", choice: "Choose one.", number: "Give a number.", json: "Give a value in JSON.", text: "" } as const;

function readGroup(group: Field & { kind: "group" }, draft: Draft): Reading {
  const nothing = !group.required && group.fields.every(([, field]) => isEmpty(field, draft));
  if (nothing) return { ok: true, value: undefined };
  const value: { [key: string]: Json } = {};
  let problems: Problems = {};
  for (const [key, field] of group.fields) {
    const found = read(field, draft);
    if (!found.ok) problems = { ...problems, ...found.problems };
    else if (found.value !== undefined) value[key] = found.value;
  }
  return Object.keys(problems).length > 0 ? { ok: false, problems } : { ok: true, value };
}

function isEmpty(field: Field, draft: Draft): boolean {
  return field.kind === "group" ? field.fields.every(([, inner]) => isEmpty(inner, draft)) : (draft[field.pointer] ?? "") === "";
}

function problem(field: Field, message: string): Reading {
  return { ok: false, problems: { [field.pointer]: message } };
}

/** Puts what the server says of places in the answer to the fields that ask for them; "" holds what belongs to none. */
export function place(field: Field, said: readonly { pointer?: string; message: string }[]): Problems {
  const known = pointers(field);
  const placed: Record<string, string> = {};
  for (const { pointer = "", message } of said) {
    const nearest = known.filter((at) => pointer === at || pointer.startsWith(`${at}/`)).sort((a, b) => b.length - a.length)[0] ?? "";
    placed[nearest] = placed[nearest] ? `${placed[nearest]} ${message}` : message;
  }
  return placed;
}

/** Where problems can be shown: at all fields, and for the whole only where it is one field. */
function pointers(field: Field): string[] {
  return field.kind === "group" ? field.fields.flatMap(([, inner]) => pointers(inner)) : [field.pointer];
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(one: Json, other: Json): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
