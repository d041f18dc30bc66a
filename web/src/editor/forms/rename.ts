import { type GraphDoc, isObject, type NodeType, type RawNode } from "../document";
import { isRoot, nameOf, segmentsOf, unquoted, type Word, wordsOf } from "./expressions";
import { type Role, roleBy } from "./fields";

/** The document with a node's id changed wherever it is meant: at edges, in templates and in conditions. */
export function withNodeRenamed(doc: GraphDoc, from: string, to: string, types: readonly NodeType[]): GraphDoc {
  const roles = new Map(types.map((type) => [type.name, roleBy(type.expressions, type.literal)]));
  const end = (id: unknown) => (id === from ? to : id) as string;
  const nodes = doc.nodes.map((node) => inNode(node.id === from ? { ...node, id: to } : node, from, to, roles.get(node.type)));
  const edges = doc.edges.map((edge) => {
    const next = edge.source === from || edge.target === from ? { ...edge, source: end(edge.source), target: end(edge.target) } : edge;
    return typeof edge.condition === "string" ? changed(next, { condition: inExpression(edge.condition, from, to) }) : next;
  });
  return { ...doc, nodes, edges, ...("entry" in doc ? { entry: end(doc.entry) } : {}) };
}

function inNode(node: RawNode, from: string, to: string, role: (place: string) => Role = () => "template"): RawNode {
  const parts: { config?: unknown; writes?: unknown } = {};
  if ("config" in node) parts.config = inValue(node.config, "", from, to, role);
  if ("writes" in node) parts.writes = inValue(node.writes, "", from, to, () => "template");
  return changed(node, parts);
}

function changed<Whole extends object>(whole: Whole, parts: object): Whole {
  const differs = Object.entries(parts).some(([key, value]) => (whole as { [key: string]: unknown })[key] !== value);
  return differs ? { ...whole, ...parts } : whole;
}

/** The same value where nothing in it names the node. */
function inValue(value: unknown, place: string, from: string, to: string, role: (place: string) => Role): unknown {
  if (typeof value === "string") {
    const kind = role(place);
    return kind === "literal" ? value : kind === "expression" ? inExpression(value, from, to) : inTemplate(value, from, to);
  }
  const below = (step: string) => (place === "" ? step : `${place}.${step}`);
  if (Array.isArray(value)) {
    const next = value.map((item) => inValue(item, below("*"), from, to, role));
    return next.some((item, index) => item !== value[index]) ? next : value;
  }
  if (!isObject(value)) return value;
  const next = Object.entries(value).map(([key, inner]): [string, unknown] => [key, inValue(inner, below(key), from, to, role)]);
  return next.some(([key, inner]) => inner !== value[key]) ? Object.fromEntries(next) : value;
}

export function inTemplate(text: string, from: string, to: string): string {
  const segments = segmentsOf(text);
  const bound = segments.some(({ kind, from: start, to: end }) => kind === "tag" && binds(wordsOf(text, start, end), from));
  return segments.reduceRight((found, { from: start, to: end }) => replace(found, wordsOf(text, start, end), from, to, bound), text);
}

export function inExpression(text: string, from: string, to: string): string {
  return text.trimStart().startsWith("{{") ? inTemplate(text, from, to) : replace(text, wordsOf(text), from, to, false);
}

/** Whether a tag makes a local name of it, as `{% for fetch in … %}` does. */
function binds(words: readonly Word[], name: string): boolean {
  if (words[0]?.text === "-") return binds(words.slice(1), name);
  if (!["for", "set", "with"].includes(words[0]?.text ?? "")) return false;
  const end = words.findIndex(({ text }) => text === "in");
  const names = words[0]?.text === "for" ? words.slice(1, end) : words.filter((_, at) => words[at + 1]?.text === "=");
  return names.some(({ text }) => text === name);
}

function replace(text: string, words: readonly Word[], from: string, to: string, bound: boolean): string {
  let found = text;
  for (let at = words.length - 1; at >= 0; at--) {
    const word = words[at]!;
    const root = !bound && word.text === from && nameOf(from) === from && isRoot(words, at);
    if (root) found = found.slice(0, word.from) + nameOf(to) + found.slice(word.to);
    else if (isKey(words, at) && unquoted(word.text) === from) found = found.slice(0, word.from) + quotedAs(word.text, to) + found.slice(word.to);
  }
  return found;
}

/** Whether a quoted word is a key of `nodes`. */
function isKey(words: readonly Word[], at: number): boolean {
  return words[at]?.kind === "string" && words[at - 1]?.text === "[" && words[at - 2]?.text === "nodes" && isRoot(words, at - 2) && words[at + 1]?.text === "]";
}

function quotedAs(before: string, text: string): string {
  const quoted = JSON.stringify(text);
  return before.startsWith("'") && !text.includes("'") && !text.includes("\\") ? `'${text}'` : quoted;
}
