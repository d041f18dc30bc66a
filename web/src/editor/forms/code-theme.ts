import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { KEYWORDS } from "./expressions";

const KEYS = new Set([...KEYWORDS, "for", "endfor", "endif", "elif", "set", "with", "endwith"]);

interface Inside {
  /** The braces that end what is being read; null outside of expressions. */
  until: string | null;
  bare: boolean;
}

/** Texts with templates, or bare expressions: what stands between braces is coloured. */
export function templateLanguage(bare: boolean) {
  return StreamLanguage.define<Inside>({
    name: bare ? "expression" : "template",
    startState: () => ({ until: null, bare }),
    copyState: (state) => ({ ...state }),
    token(stream, state) {
      if (state.until === null && !state.bare) {
        if (stream.match(/\{[{%]-?/)) {
          state.until = stream.current().startsWith("{{") ? "}}" : "%}";
          return "brace";
        }
        stream.next();
        stream.match(/[^{]+/);
        return null;
      }
      if (state.until !== null && (stream.match(state.until) || stream.match(`-${state.until}`))) {
        state.until = null;
        return "brace";
      }
      if (stream.eatSpace()) return null;
      if (stream.match(/"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?/)) return "string";
      if (stream.match(/\d+(?:\.\d+)?/)) return "number";
      if (stream.match(/[\p{L}_][\p{L}\p{N}_]*/u)) return KEYS.has(stream.current()) ? "keyword" : "variableName";
      stream.next();
      return "operator";
    },
    languageData: { closeBrackets: { brackets: bare ? ["(", "[", "{", '"', "'"] : ["{"] } },
  });
}

export const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.brace, color: "var(--accent)", fontWeight: "600" },
    { tag: [tags.string], color: "var(--json-text)" },
    { tag: [tags.number], color: "var(--json-number)" },
    { tag: [tags.keyword, tags.bool, tags.null], color: "var(--json-word)" },
    { tag: [tags.propertyName, tags.variableName], color: "var(--json-key)" },
    { tag: [tags.operator, tags.punctuation], color: "var(--ink-3)" },
  ]),
);

export const looks = EditorView.theme({
  "&": { fontSize: "12px", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono, ui-monospace, monospace)", lineHeight: "1.6", maxHeight: "22rem", overflow: "auto" },
  ".cm-content": { padding: "6px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 10px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--st-failed-soft)" },
  ".cm-tooltip": { border: "1px solid var(--line-strong)", borderRadius: "8px", backgroundColor: "var(--raised)", color: "var(--ink)", boxShadow: "var(--shadow-lg)", overflow: "hidden", zIndex: "60" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxHeight: "15rem", minWidth: "15rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 10px", display: "flex", gap: "12px", alignItems: "baseline", lineHeight: "1.5" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionLabel": { fontFamily: "var(--font-mono, ui-monospace, monospace)", fontSize: "12px" },
  ".cm-completionMatchedText": { textDecoration: "none", color: "var(--accent)", fontWeight: "600" },
  ".cm-completionDetail": { marginLeft: "auto", fontStyle: "normal", fontSize: "11px", color: "var(--ink-3)", maxWidth: "14rem", overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" },
});
