import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, codeFolding, foldGutter, foldKeymap, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { rangeOf } from "./json-place";
import { changeBetween, readText, textOf } from "./json-text";
import type { EditorStore } from "./store";
import { useEditor, useEditorScope } from "./use-editor";

const CALM_MS = 250;
const ours = Annotation.define<boolean>();

const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.propertyName, color: "var(--json-key)" },
    { tag: tags.string, color: "var(--json-text)" },
    { tag: tags.number, color: "var(--json-number)" },
    { tag: [tags.bool, tags.null], color: "var(--json-word)" },
    { tag: [tags.brace, tags.squareBracket, tags.separator], color: "var(--ink-3)" },
  ]),
);

const looks = EditorView.theme({
  "&": { height: "100%", fontSize: "12px", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "transparent", border: "none", color: "var(--ink-3)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "color-mix(in srgb, var(--accent) 24%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-textfield, .cm-button": { backgroundColor: "var(--surface)", backgroundImage: "none", borderColor: "var(--line-strong)", borderRadius: "6px", color: "var(--ink)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--accent-soft)", border: "none", color: "var(--accent)", padding: "0 6px" },
});

/** The whole graph as text; what is written here is the graph, as soon as it can be read. */
export function JsonPane() {
  const { store, readOnly } = useEditorScope();
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const written = useEditor((_, known) => known.written);
  const problems = useEditor((state) => state.problems);
  const selection = useEditor((state) => state.selection);
  const pane = useEditor((state) => state.pane);
  const unread = pane === null ? null : readText(pane);

  useEffect(() => {
    const writer = new Writer(store);
    const made = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: store.get().pane ?? textOf(store.written),
        extensions: [
          lineNumbers(),
          codeFolding(),
          foldGutter(),
          history(),
          json(),
          bracketMatching(),
          closeBrackets(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          search({ top: true }),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap]),
          looks,
          colours,
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ "aria-label": "The graph as JSON", tabindex: "0" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((one) => one.annotation(ours))) writer.typed(update.state);
          }),
          EditorView.domEventHandlers({
            blur: (_, there) => {
              writer.flush();
              requestAnimationFrame(() => renew(there, store));
            },
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      writer.flush();
      made.destroy();
    };
  }, [store, readOnly]);

  useEffect(() => {
    if (view.current) renew(view.current, store);
  }, [written, pane, store]);
  useEffect(() => {
    const there = view.current;
    if (there) there.dispatch(setDiagnostics(there.state, pane === null ? problems.map((problem) => diagnostic(there.state, problem)) : []));
  }, [problems, written, pane]);
  useEffect(() => {
    const there = view.current;
    if (!there || there.hasFocus || store.get().pane !== null) return;
    const index = selection.kind === "node" ? store.doc.nodes.findIndex(({ id }) => id === selection.id) : -1;
    const pointer = selection.kind === "edge" ? `/edges/${selection.index}` : index >= 0 ? `/nodes/${index}` : null;
    if (pointer === null) return;
    const { from, to } = rangeOf(there.state, pointer);
    there.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "start", yMargin: 40 }) });
  }, [selection, store]);

  return (
    <div className="flex h-full min-h-0 flex-col">
      {unread && !unread.ok && (
        <div role="alert" className="flex items-start gap-2 border-b border-line bg-waiting-soft px-3 py-2 text-xs">
          <Icon name="warning" size={14} className="mt-0.5 text-waiting" />
          <span className="min-w-0 grow [overflow-wrap:anywhere]">{unread.message} The canvas shows the graph as it was before.</span>
          <Button kind="quiet" onClick={() => store.set({ pane: null })} className="-my-1.5">
            Drop this text
          </Button>
        </div>
      )}
      <div ref={box} className="min-h-0 grow overflow-hidden" data-json />
    </div>
  );
}

/** Writes the graph as it is now; who writes is not interrupted, the text is theirs until they look away. */
function renew(view: EditorView, store: EditorStore): void {
  if (store.get().pane !== null || view.hasFocus) return;
  const change = changeBetween(view.state.doc.toString(), textOf(store.written));
  if (change) view.dispatch({ changes: change, annotations: ours.of(true) });
}

function diagnostic(state: EditorState, { pointer, message }: { pointer: string; message: string }): Diagnostic {
  const { from, to } = rangeOf(state, pointer);
  return { from, to: Math.min(to, state.doc.lineAt(from).to), severity: "error", message };
}

/** Takes what is typed for the graph, soon after each pause. */
class Writer {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private state: EditorState | null = null;

  constructor(private readonly store: EditorStore) {}

  typed(state: EditorState): void {
    this.state = state;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), CALM_MS);
  }

  flush(): void {
    clearTimeout(this.timer);
    if (!this.state) return;
    const text = this.state.doc.toString();
    this.state = null;
    const read = readText(text);
    if (!read.ok) return this.store.set({ pane: text });
    if (this.store.get().pane !== null) this.store.set({ pane: null });
    this.store.change(read.written.doc, "Edit as JSON", { key: "json", numbers: read.written.numbers });
  }
}
