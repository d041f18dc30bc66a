import { autocompletion, type Completion, type CompletionContext, type CompletionResult, startCompletion } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { useContext, useEffect, useMemo, useRef } from "react";
import { type Cue, cueAt, type Suggestion, wordsFor } from "./completion";
import type { Role } from "./fields";
import { StandingContext, useForm } from "./scope";

/** Completes what the expressions at a place can read; with `inJson` inside of the texts of a JSON value. */
export function useCompletion(role: Role, inJson: boolean): Extension {
  const { reader } = useForm();
  const standing = useContext(StandingContext);
  const place = useRef({ reader, standing });
  useEffect(() => {
    place.current = { reader, standing };
  });
  return useMemo(
    () => autocompletion({ icons: false, override: [(context) => complete(context, (cue) => place.current.reader.suggestions(cue, place.current.standing), role, inJson)] }),
    [role, inJson],
  );
}

const WORD = /^[\p{L}\p{N}_]*$/u;

type Ask = (cue: Cue & { kind: "member" | "key" }) => Promise<Suggestion[]>;

async function complete(context: CompletionContext, ask: Ask, role: Role, inJson: boolean): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const cue = cueAt(text, context.pos, role);
  if (!cue || (!context.explicit && !isInvited(text, cue, context.pos))) return null;
  const found = cue.kind === "member" || cue.kind === "key" ? await ask(cue) : wordsFor(cue);
  if (context.aborted || found.length === 0) return null;
  return { from: cue.from, options: found.map((one, index) => optionOf(one, cue, found.length - index, inJson)), validFor: WORD };
}

/** Nobody wants a list at every space: it comes with the first letter, behind a dot, and where an expression begins. */
function isInvited(text: string, cue: Cue, at: number): boolean {
  if (cue.from < at || cue.kind === "key" || (cue.kind === "member" && cue.path.length > 0)) return true;
  return /(\{\{|\|)\s?$/.test(text.slice(0, at));
}

function optionOf({ label, apply, detail, kind }: Suggestion, cue: Cue, boost: number, inJson: boolean): Completion {
  const quoted = (text: string) => (inJson ? JSON.stringify(text).slice(1, -1) : text);
  const option: Completion = { label, detail, boost: Math.min(99, boost) / 10 };
  if (cue.kind === "key") return { ...option, apply: (view, _, from, to) => closeKey(view, quoted(apply ?? label), cue.quote, from, to) };
  if (apply?.startsWith("[")) return { ...option, apply: (view, _, from, to) => write(view, quoted(apply), from - 1, to) };
  return inJson && quoted(label) !== label ? { ...option, apply: quoted(label), type: kind } : { ...option, type: kind };
}

function closeKey(view: EditorView, key: string, quote: string, from: number, to: number): void {
  const behind = view.state.sliceDoc(to, to + 2);
  const rest = `${quote}]`;
  const over = behind === rest ? 2 : behind.startsWith(quote) ? 1 : 0;
  write(view, key + rest, from, to + over);
}

function write(view: EditorView, text: string, from: number, to: number): void {
  view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
  if (text.endsWith(".")) startCompletion(view);
}
