import { isObject } from "../document";
import { IDENTIFIER, KEYWORDS, segmentsOf, unquoted, type Word, wordsOf } from "./expressions";
import type { Role } from "./fields";

/** What is being written at a place of a text. */
export type Cue =
  /** A name: a first one where the path is empty, else a field of what the path leads to. */
  | { kind: "member"; path: (string | number)[]; from: number }
  /** A key in quotes behind a bracket; `quote` is the one that was opened. */
  | { kind: "key"; path: (string | number)[]; from: number; quote: string }
  | { kind: "filter" | "test"; from: number };

export function cueAt(text: string, at: number, role: Role): Cue | null {
  if (role === "literal") return null;
  const bare = role === "expression" && !text.trimStart().startsWith("{{");
  const segment = bare ? { from: 0, to: text.length } : segmentsOf(text).find(({ from, to }) => from <= at && at <= to);
  return segment ? cueIn(wordsOf(text, segment.from, at), at) : null;
}

function cueIn(words: Word[], at: number): Cue | null {
  const last = words.at(-1);
  if (last?.kind === "string" && last.to === at && !last.closed) {
    const isKey = words.at(-2)?.text === "[";
    const path = isKey ? pathBefore(words, words.length - 2) : null;
    return path ? { kind: "key", path, from: last.from + 1, quote: last.text[0]! } : null;
  }
  const typing = last?.kind === "name" && last.to === at;
  const from = typing ? last.from : at;
  const before = typing ? words.length - 1 : words.length;
  const mark = words[before - 1];
  if (mark?.text === "." && mark.kind === "op") {
    const path = pathBefore(words, before - 1);
    return path ? { kind: "member", path, from } : null;
  }
  if (mark?.text === "|") return { kind: "filter", from };
  if (mark?.text === "is" || (mark?.text === "not" && words[before - 2]?.text === "is")) return { kind: "test", from };
  const operand = mark !== undefined && (mark.kind === "string" || mark.kind === "number" || (mark.kind === "name" && !KEYWORDS.has(mark.text)) || [")", "]", "}"].includes(mark.text));
  const tag = mark?.kind === "name" && ["if", "elif", "in", "set", "for", "with"].includes(mark.text);
  return operand && !tag ? null : { kind: "member", path: [], from };
}

/** The constant steps that end before the word at an index; null where something else stands there. */
function pathBefore(words: readonly Word[], end: number): (string | number)[] | null {
  const steps: (string | number)[] = [];
  for (let at = end - 1; at >= 0; ) {
    const word = words[at]!;
    if (word.text === "]" && words[at - 2]?.text === "[") {
      const key = words[at - 1]!;
      if (key.kind !== "string" && key.kind !== "number") return null;
      steps.unshift(key.kind === "string" ? unquoted(key.text) : Number(key.text));
      at -= 3;
    } else if (word.kind === "name") {
      steps.unshift(word.text);
      if (words[at - 1]?.text !== "." || words[at - 1]?.kind !== "op") return steps;
      at -= 2;
    } else return null;
  }
  return null;
}

export interface Suggestion {
  label: string;
  /** What is written in its place, where that is not the label. */
  apply?: string;
  detail: string;
  kind: "node" | "field" | "word" | "filter";
}

/** The fields of a value, each with what is there. */
export function fieldsIn(value: unknown, cue: Cue & { kind: "member" | "key" }): Suggestion[] {
  if (Array.isArray(value)) return [];
  if (!isObject(value)) return [];
  return Object.entries(value).map(([key, inner]): Suggestion => {
    const shown: Suggestion = { label: key, detail: brief(inner), kind: "field" };
    if (cue.kind === "key") return { ...shown, apply: JSON.stringify(key).slice(1, -1) };
    return IDENTIFIER.test(key) ? shown : { ...shown, apply: `[${JSON.stringify(key)}]` };
  });
}

/** A value in a few characters. */
export function brief(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (isObject(value)) return `{${Object.keys(value).slice(0, 3).join(", ")}${Object.keys(value).length > 3 ? ", …" : ""}}`;
  const text = typeof value === "string" ? value.replaceAll(/\s+/g, " ") : JSON.stringify(value);
  return text.length > 32 ? `${text.slice(0, 31)}…` : text;
}

export const FILTERS: Record<string, string> = {
  abs: "without its sign", bool: "as true or false", capitalize: "first letter large", count: "how many", default: "where it is missing", dictsort: "pairs sorted by key",
  escape: "for HTML", filesizeformat: "as a size of a file", first: "the first item", float: "as a number", format: "into %s and %d", fromjson: "JSON read", groupby: "by an attribute",
  indent: "lines moved in", int: "as a whole number", items: "pairs", join: "items put together", last: "the last item", length: "how many", lines: "as a list of lines", list: "as a list",
  lower: "small letters", map: "an attribute of each", max: "the largest", min: "the smallest", pluralize: "s where not 1", reject: "without those that", rejectattr: "without those whose", replace: "one text by another",
  reverse: "from its end", round: "to so many digits", select: "only those that", selectattr: "only those whose", sort: "in order", split: "into a list", string: "as a text", sum: "all added",
  title: "Each Word Large", tojson: "as JSON", trim: "without space around", unique: "each once", upper: "large letters", urlencode: "for an address", zip: "side by side", chain: "one after the other",
};

export const TESTS: readonly string[] = [
  "boolean", "defined", "divisibleby", "endingwith", "eq", "even", "false", "float", "ge", "gt", "in", "integer", "iterable", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sameas", "sequence", "startingwith", "string", "true", "undefined", "upper",
];

export function wordsFor(cue: Cue & { kind: "filter" | "test" }): Suggestion[] {
  if (cue.kind === "test") return TESTS.map((label) => ({ label, detail: "", kind: "word" }));
  return Object.entries(FILTERS).map(([label, detail]) => ({ label, detail, kind: "filter" }));
}
