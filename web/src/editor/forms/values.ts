import { isObject } from "../document";
import type { Control, Field } from "./fields";

export type Path = readonly (string | number)[];

/** How a value is written: in its own controls, as a text with templates, or as JSON. */
export type Mode = "form" | "template" | "json";

const TEMPLATE = /\{\{|\{%/;

export function isTemplate(value: unknown): value is string {
  return typeof value === "string" && TEMPLATE.test(value);
}

/** Whether a text is the JSON of an object or a list. */
export function isJsonText(value: unknown): value is string {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return false;
  try {
    return typeof JSON.parse(value) === "object";
  } catch {
    return false; // an expression, or not yet at its end
  }
}

/** Whether the controls of a field can show a value without loss. */
export function fits(control: Control, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  switch (control.kind) {
    case "text":
    case "pick":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "scalar":
      return typeof value !== "object";
    case "boolean":
      return typeof value === "boolean";
    case "choice":
      return control.options.some((option) => same(option, value));
    case "list":
      return Array.isArray(value);
    case "object":
    case "map":
    case "inner":
      return isObject(value);
    case "any":
      return false;
  }
}

/** The modes in which a value of the field can be written, the usual one first. */
export function modesOf(field: Field): Mode[] {
  const { control, role } = field;
  if (control.kind === "text" || control.kind === "scalar") return ["form", "json"];
  if (role !== "template") return control.kind === "any" ? ["json"] : ["form", "json"];
  return control.kind === "any" ? ["template", "json"] : ["form", "template", "json"];
}

/** The mode that shows a value as it is. */
export function modeOf(field: Field, value: unknown): Mode {
  const modes = modesOf(field);
  if (value === undefined || value === null) return modes[0] ?? "json";
  if (isTemplate(value) && modes.includes("template")) return "template";
  if (fits(field.control, value)) return "form";
  return typeof value === "string" && modes.includes("template") ? "template" : "json";
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === "number") value = value[step];
    else if (isObject(value)) value = Object.hasOwn(value, step) ? value[step] : undefined;
    else return undefined;
  }
  return value;
}

/** The value with a part replaced; undefined takes the part out. What lies beside it is the same as before. */
export function withValue<Root>(root: Root, path: Path, value: unknown): Root {
  return replaced(root, path, value) as Root;
}

function replaced(root: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const list: unknown[] = Array.isArray(root) ? [...(root as unknown[])] : [];
    if (rest.length === 0 && value === undefined) list.splice(step, 1);
    else list[step] = replaced(list[step], rest, value);
    return list;
  }
  const before = isObject(root) ? root : {};
  const next = replaced(before[step], rest, value);
  if (next !== undefined) return assigned(before, step, next);
  return Object.fromEntries(Object.entries(before).filter(([key]) => key !== step));
}

/** The object with a name given to a value, also where the name is one that objects have a meaning for. */
function assigned(before: { [key: string]: unknown }, key: string, value: unknown): { [key: string]: unknown } {
  if (Object.hasOwn(before, key)) return Object.fromEntries(Object.entries(before).map(([name, old]) => [name, name === key ? value : old]));
  return Object.fromEntries([...Object.entries(before), [key, value]]);
}

/** The object with one of its names changed, in the same place. */
export function withName(before: { [key: string]: unknown }, from: string, to: string): { [key: string]: unknown } {
  return Object.fromEntries(Object.entries(before).map(([name, value]) => [name === from ? to : name, value]));
}

/** A name that the object does not have yet. */
export function freshName(taken: { [key: string]: unknown }, wanted: string): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}${count}`;
    if (!Object.hasOwn(taken, name)) return name;
  }
}

export function pointerTo(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** What a new item of a list, or a new value of a map, begins with. */
export function blank(field: Field): unknown {
  if (field.initial !== undefined && field.initial !== null) return field.initial;
  switch (field.control.kind) {
    case "number":
      return 0;
    case "boolean":
      return false;
    case "choice":
      return field.control.options[0];
    case "list":
      return [];
    case "object":
      return Object.fromEntries(field.control.fields.filter((inner) => inner.required).map((inner) => [inner.key, blank(inner)]));
    case "map":
      return {};
    case "inner":
      return { type: "transform", config: {} };
    default:
      return "";
  }
}

/** The value that a typed text stands for in a field that takes texts, numbers and words. */
export function scalarOf(text: string, numbers: boolean, before: unknown): unknown {
  const plain = typeof before === "string" && before !== "" ? false : numbers || typeof before === "number";
  if (plain && /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?$/.test(text)) return Number(text);
  if (typeof before === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

export function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
