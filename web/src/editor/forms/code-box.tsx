import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { Annotation, Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap, placeholder as placeholderOf, tooltips } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { colours, looks } from "./code-theme";

interface Props {
  value: string;
  onChange: (text: string) => void;
  /** The id of the label. */
  labelledBy: string;
  describedBy: string;
  invalid: boolean;
  readOnly: boolean;
  placeholder?: string;
  /** One line only, as long as the text has no more. */
  single?: boolean;
  /** The language, completion and the like; the same object as long as nothing changes. */
  extensions: Extension;
  onFocus?: () => void;
  onBlur?: () => void;
}

const fromOutside = Annotation.define<boolean>();

/** A text with colours and completion; Tab goes on to the next field. */
export function CodeBox({ value, onChange, labelledBy, describedBy, invalid, readOnly, placeholder = "", single = false, extensions, onFocus, onBlur }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const changing = useRef(new Compartment());
  const latest = useRef({ onChange, onFocus, onBlur, value });
  useEffect(() => {
    latest.current = { onChange, onFocus, onBlur, value };
  });
  const attributes = { labelledBy, describedBy, invalid, readOnly, placeholder };
  const first = useRef(attributes);

  useEffect(() => {
    const compartment = changing.current;
    const made = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          history(),
          closeBrackets(),
          bracketMatching(),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap]),
          EditorView.lineWrapping,
          looks,
          colours,
          tooltips({ position: "fixed", parent: document.body }),
          single ? oneLine : [],
          extensions,
          compartment.of(attributesOf(first.current)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((one) => one.annotation(fromOutside))) latest.current.onChange(update.state.doc.toString());
          }),
          EditorView.domEventHandlers({ focus: () => latest.current.onFocus?.(), blur: () => latest.current.onBlur?.() }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [extensions, single]);

  useEffect(() => {
    const there = view.current;
    if (!there || there.state.doc.toString() === value) return;
    there.dispatch({ changes: { from: 0, to: there.state.doc.length, insert: value }, annotations: fromOutside.of(true) });
  }, [value]);
  useEffect(() => {
    first.current = { labelledBy, describedBy, invalid, readOnly, placeholder };
    view.current?.dispatch({ effects: changing.current.reconfigure(attributesOf(first.current)) });
  }, [labelledBy, describedBy, invalid, readOnly, placeholder, extensions, single]);

  return (
    <div
      ref={box}
      data-invalid={invalid || undefined}
      className={`overflow-hidden rounded-lg border border-line-strong shadow-card focus-within:outline-2 focus-within:outline-offset-1 focus-within:outline-(--ring) data-invalid:border-failed ${readOnly ? "bg-sunken" : "bg-surface"}`}
    />
  );
}

function attributesOf({ labelledBy, describedBy, invalid, readOnly, placeholder }: { labelledBy: string; describedBy: string; invalid: boolean; readOnly: boolean; placeholder: string }): Extension {
  return [
    EditorView.contentAttributes.of({ "aria-labelledby": labelledBy, "aria-describedby": describedBy, "aria-invalid": String(invalid), "aria-readonly": String(readOnly) }),
    placeholder ? placeholderOf(placeholder) : [],
    EditorState.readOnly.of(readOnly),
  ];
}

/** Lines that are pasted become one; a text that has several already may keep them. */
const oneLine = EditorState.transactionFilter.of((change) => {
  if (!change.docChanged || change.annotation(fromOutside) || change.startState.doc.lines > 1 || change.newDoc.lines === 1) return change;
  if (change.isUserEvent("input.type")) return [];
  const text = change.newDoc.toString().replaceAll(/\s*\n\s*/g, " ");
  return { changes: { from: 0, to: change.startState.doc.length, insert: text }, selection: { anchor: text.length } };
});
