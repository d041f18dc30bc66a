export interface Word {
  kind: "name" | "string" | "number" | "op";
  text: string;
  from: number;
  to: number;
  /** Of a string: whether its closing quote is there. */
  closed?: boolean;
}

/** A part of a text between braces; `from` and `to` are those of what stands inside. */
export interface Segment {
  kind: "output" | "tag";
  from: number;
  to: number;
  /** Whether its closing braces are there. */
  closed: boolean;
}

const WORD = /\s*(?:([\p{L}_][\p{L}\p{N}_]*)|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(==|!=|<=|>=|\*\*|\/\/|[^\s]))/uy;

/** The words of an expression, with their places in the text around it. */
export function wordsOf(text: string, from = 0, to = text.length): Word[] {
  const found: Word[] = [];
  const source = text.slice(from, to);
  WORD.lastIndex = 0;
  for (let match = WORD.exec(source); match !== null; match = WORD.exec(source)) {
    const [whole, name, number, quoted, op] = match;
    const word = name ?? number ?? quoted ?? op ?? "";
    const start = from + match.index + whole.length - word.length;
    const kind = name !== undefined ? "name" : number !== undefined ? "number" : quoted !== undefined ? "string" : "op";
    const closed = kind === "string" ? { closed: word.length > 1 && word.endsWith(word[0]!) } : {};
    found.push({ kind, text: word, from: start, to: start + word.length, ...closed });
  }
  return found;
}

/** The parts of a text that are expressions or tags; comments and raw text are none. */
export function segmentsOf(text: string): Segment[] {
  const found: Segment[] = [];
  const opening = /\{\{|\{%|\{#/g;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const from = match.index + 2;
    if (match[0] === "{#") {
      const end = text.indexOf("#}", from);
      opening.lastIndex = end < 0 ? text.length : end + 2;
      continue;
    }
    const kind = match[0] === "{{" ? "output" : "tag";
    const end = closingOf(text, from, kind === "output" ? "}}" : "%}");
    found.push({ kind, from, to: end ?? text.length, closed: end !== null });
    opening.lastIndex = end === null ? text.length : end + 2;
  }
  return found;
}

/** Where the closing braces begin: outside of quotes, or anywhere where a quote is left open. */
function closingOf(text: string, from: number, closing: string): number | null {
  const outside = new RegExp(String.raw`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|${closing === "}}" ? String.raw`\}\}` : "%\\}"}`, "g");
  outside.lastIndex = from;
  for (let match = outside.exec(text); match !== null; match = outside.exec(text)) if (match[0] === closing) return match.index;
  return null;
}

/** Whether a name stands where a variable does: not behind `.`, `|` or `is`, no function, no named argument. */
export function isRoot(words: readonly Word[], at: number): boolean {
  const before = words[at - 1];
  const after = words[at + 1];
  if (words[at]?.kind !== "name" || after?.text === "(" || after?.text === "=") return false;
  if (before === undefined || before.kind === "string") return true;
  if (before.text === "not") return words[at - 2]?.text !== "is";
  return ![".", "|", "is"].includes(before.text);
}

export const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_]*$/u;
export const RESERVED: ReadonlySet<string> = new Set(["input", "nodes", "state", "run", "loop", "secrets", "output", "item", "index"]);
export const KEYWORDS: ReadonlySet<string> = new Set(["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"]);

/** How an expression names a node. */
export function nameOf(id: string): string {
  const plain = IDENTIFIER.test(id) && !RESERVED.has(id) && !KEYWORDS.has(id);
  return plain ? id : `nodes[${JSON.stringify(id)}]`;
}

/** The text of a quoted word. */
export function unquoted(word: string): string {
  const body = word.slice(1, word.length > 1 && word.endsWith(word[0]!) ? -1 : undefined);
  return body.replaceAll(/\\(.)/g, (_, sign: string) => ({ n: "\n", t: "\t", r: "\r" })[sign] ?? sign);
}
