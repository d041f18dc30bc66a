import type { Written } from "./changes";
import { parseExact, writeExact } from "./exact";
import { readDocument } from "./reading";

export type ReadText = { ok: true; written: Written } | { ok: false; message: string };

export function textOf({ doc, numbers }: Written): string {
  return writeExact(doc, numbers, 2);
}

/** The graph that a text says, in any accepted form, or what is in the way. */
export function readText(text: string): ReadText {
  try {
    const { value, numbers } = parseExact(text);
    const read = readDocument(value);
    return read.ok ? { ok: true, written: { doc: read.doc, numbers } } : read;
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, message: `Not JSON yet: ${error.message}` };
    throw error;
  }
}

/** The smallest single change that makes one text of another, so that what stands around it stays where it is. */
export function changeBetween(before: string, after: string): { from: number; to: number; insert: string } | null {
  if (before === after) return null;
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { from: start, to: before.length - end, insert: after.slice(start, after.length - end) };
}
