import type { GraphDoc } from "./document";

/**
 * JSON text in and out without loss. JavaScript forgets how a number was written (1.0, or whole numbers beyond 2^53);
 * such numbers are remembered by their place, and written again as they were as long as they have not changed.
 */
export type Numbers = ReadonlyMap<string, string>;

export interface Exact {
  value: unknown;
  numbers: Numbers;
}

export const NO_NUMBERS: Numbers = new Map();

type Step = string | number;

/** Where a value stands. */
export type Way = readonly Step[];

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** Throws SyntaxError for what is no JSON. The places of its numbers are told from `way` on, where the value stands. */
export function parseExact(text: string, way: Way = []): Exact {
  const plain: unknown = JSON.parse(text);
  const mark = freeMark(text);
  let found = false;
  const marked = text.replace(TOKEN, (token) => {
    if (token.startsWith('"') || String(Number(token)) === token) return token;
    found = true;
    return `"${mark}${token}"`;
  });
  if (!found) return { value: plain, numbers: NO_NUMBERS };
  const numbers = new Map<string, string>();
  walk(JSON.parse(marked), way, (value, at) => {
    if (typeof value === "string" && value.startsWith(mark)) numbers.set(place(at), value.slice(mark.length));
    return value;
  });
  return { value: plain, numbers };
}

/** The text of a value that stands at `way`. */
export function writeExact(value: unknown, numbers: Numbers, indent?: number, way: Way = []): string {
  if (numbers.size === 0) return JSON.stringify(value, null, indent);
  const mark = freeMark(JSON.stringify(value));
  const marked = walk(value, way, (one, at) => {
    const text = typeof one === "number" ? numbers.get(place(at)) : undefined;
    return text !== undefined && Number(text) === one ? mark + text : one;
  });
  return JSON.stringify(marked, null, indent).replaceAll(new RegExp(`"${mark}([^"]*)"`, "g"), "$1");
}

/** A number that JavaScript cannot hold, as it was written: it differs from others that would be rounded to the same. */
export class Exactly {
  constructor(readonly text: string) {}
}

/** The value with each whole number beyond 2^53 as it was written. */
export function withLargeNumbers<Value>(value: Value, numbers: Numbers): Value {
  if (![...numbers.values()].some(isLarge)) return value;
  return walk(value, [], (one, at) => {
    const text = typeof one === "number" ? numbers.get(place(at)) : undefined;
    return text !== undefined && Number(text) === one && isLarge(text) ? new Exactly(text) : one;
  }) as Value;
}

function isLarge(text: string): boolean {
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text));
}

/** The JSON of a value in which there may be large numbers. */
export function writeLargeNumbers(value: unknown, indent?: number): string {
  const mark = freeMark(JSON.stringify(value) ?? "");
  const text = JSON.stringify(value, (_, one: unknown) => (one instanceof Exactly ? mark + one.text : one), indent);
  return text.replaceAll(new RegExp(`"${mark}([^"]*)"`, "g"), "$1");
}

/** The numbers with those of one node also under the id of its copy. */
export function copyNumbers(numbers: Numbers, from: Numbers, ids: ReadonlyMap<string, string>): Numbers {
  if (from.size === 0 || ids.size === 0) return numbers;
  const all = new Map(numbers);
  for (const [key, text] of from) {
    const [list, id, ...rest] = JSON.parse(key) as Step[];
    const copy = list === "nodes" && typeof id === "string" ? ids.get(id) : undefined;
    if (copy !== undefined) all.set(JSON.stringify(["nodes", copy, ...rest]), text);
  }
  return all;
}

/** The numbers in the next graph: those of nodes that have got another id in their place go along. */
export function followNodes(numbers: Numbers, before: GraphDoc, next: GraphDoc): Numbers {
  if (numbers.size === 0 || before.nodes.length !== next.nodes.length) return numbers;
  const ids = before.nodes.map(({ id }, index): [string, string] => [id, next.nodes[index]!.id]);
  return copyNumbers(numbers, numbers, new Map(ids.filter(([id, name]) => id !== name)));
}

/** The numbers of one part of a value, by their places in that part. */
export function numbersIn(part: string, numbers: Numbers): Numbers {
  const found = new Map<string, string>();
  for (const [key, text] of numbers) {
    const [first, ...rest] = JSON.parse(key) as Step[];
    if (first === part) found.set(place(rest), text);
  }
  return found;
}

/** Where the value at a path of a document stands, as numbers are remembered. */
export function wayTo(doc: GraphDoc, path: Way): Way {
  const way: Step[] = [];
  let value: unknown = doc;
  for (const step of path) {
    const list: readonly unknown[] | null = Array.isArray(value) ? value : null;
    const id = list && way.at(-1) === "nodes" ? idOf(list[Number(step)]) : undefined;
    way.push(id !== undefined && list?.findIndex((item) => idOf(item) === id) === step ? id : step);
    value = (value as Record<Step, unknown> | null | undefined)?.[step];
  }
  return way;
}

/** The numbers at a place and inside of it. */
export function numbersAt(way: Way, numbers: Numbers): Numbers {
  const [whole, inside] = [place(way), `${place(way).slice(0, -1)},`];
  return new Map([...numbers].filter(([key]) => key === whole || key.startsWith(inside)));
}

/** The numbers with those at a place replaced. */
export function withNumbersAt(way: Way, numbers: Numbers, found: Numbers): Numbers {
  const before = numbersAt(way, numbers);
  if (sameNumbers(before, found)) return numbers;
  return new Map([...[...numbers].filter(([key]) => !before.has(key)), ...found]);
}

export function sameNumbers(one: Numbers, other: Numbers): boolean {
  return one === other || (one.size === other.size && [...one].every(([key, text]) => other.get(key) === text));
}

/** Nodes are known by their ids, so that numbers keep their places when nodes come and go. */
function place(way: Way): string {
  return JSON.stringify(way);
}

function walk(value: unknown, way: Way, visit: (value: unknown, way: Way) => unknown): unknown {
  if (Array.isArray(value)) {
    const seen = new Set<string>();
    const step = (item: unknown, index: number): Step => {
      const id = way.at(-1) === "nodes" ? idOf(item) : undefined;
      if (id === undefined || seen.has(id)) return index;
      seen.add(id);
      return id;
    };
    return value.map((item: unknown, index) => walk(item, [...way, step(item, index)], visit));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...way, key], visit)]));
  }
  return visit(value, way);
}

function idOf(item: unknown): string | undefined {
  const id = typeof item === "object" && item !== null && "id" in item ? item.id : undefined;
  return typeof id === "string" ? id : undefined;
}

function freeMark(text: string): string {
  let mark = "exactly:";
  for (let n = 0; text.includes(mark); n++) mark = `exactly${n}:`;
  return mark;
}
