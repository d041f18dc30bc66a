export interface Token {
  text: string;
  kind: "key" | "text" | "number" | "word" | null;
}

const PIECE = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

/** Cuts printed JSON into coloured pieces; the texts joined are the text again. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let from = 0;
  for (const match of text.matchAll(PIECE)) {
    const [whole, quoted, colon, digits] = match;
    if (match.index > from) found.push({ text: text.slice(from, match.index), kind: null });
    if (quoted !== undefined) {
      found.push({ text: quoted, kind: colon === undefined ? "text" : "key" });
      if (colon) found.push({ text: colon, kind: null });
    } else found.push({ text: whole, kind: digits === undefined ? "word" : "number" });
    from = match.index + whole.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), kind: null });
  return found;
}
