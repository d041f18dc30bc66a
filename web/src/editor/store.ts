import type { Plan } from "../api/types";
import type { Arrangement } from "./arrange";
import { sameGraph, type Written } from "./changes";
import { type GraphDoc, NOTHING, type Problem, type Selection } from "./document";
import { carried } from "./edits";
import { followNodes, type Numbers } from "./exact";
import { begin, type History, push, redo, undo } from "./history";
import { allPlaces } from "./places";
import type { Stored, Verdict } from "./server";

export type Checking = "checking" | "checked" | "unreachable";

export interface EditorState {
  history: History<Written>;
  selection: Selection;
  /** What the changes are based on; null as long as nothing has been stored. */
  base: Stored | null;
  /** Of a workflow that is not stored yet. */
  name: string;
  problems: readonly Problem[];
  /** How the server would run the graph; while there are problems, the last one that it had. */
  plan: Plan | null;
  checking: Checking;
  /** Places and lines of what the document gives none to. */
  laid: Arrangement;
  /** Text of the JSON pane that cannot be read yet. */
  pane: string | null;
}

export interface ChangeOptions {
  /** Changes with one key that follow quickly are one step back. */
  key?: string;
  numbers?: Numbers;
  selection?: Selection;
}

const NOTHING_LAID: Arrangement = { places: new Map(), routes: new Map() };

/** The state of one open editor. */
export class EditorStore {
  private readonly listeners = new Set<() => void>();
  private current: EditorState;
  private memo: { doc: GraphDoc; laid: Arrangement; places: ReturnType<typeof allPlaces> } | null = null;
  private dirtyMemo: { written: Written; base: Stored | null; dirty: boolean } | null = null;

  constructor(written: Written, base: Stored | null, name: string, pane: string | null = null) {
    this.current = { history: begin(written), selection: NOTHING, base, name, problems: [], plan: null, checking: "checking", laid: NOTHING_LAID, pane };
  }

  readonly get = (): EditorState => this.current;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get written(): Written {
    return this.current.history.present.state;
  }

  get doc(): GraphDoc {
    return this.written.doc;
  }

  get places(): ReturnType<typeof allPlaces> {
    const { laid } = this.current;
    if (this.memo?.doc !== this.doc || this.memo.laid !== laid) this.memo = { doc: this.doc, laid, places: allPlaces(this.doc, laid.places) };
    return this.memo.places;
  }

  /** Whether there is anything that the server does not have. */
  get dirty(): boolean {
    const { base } = this.current;
    const { written } = this;
    if (this.dirtyMemo?.written !== written || this.dirtyMemo.base !== base) {
      const dirty = base ? !sameGraph(base, written) : written.doc.nodes.length > 0 || Object.keys(written.doc).length > 2;
      this.dirtyMemo = { written, base, dirty };
    }
    return this.dirtyMemo.dirty;
  }

  set(change: Partial<EditorState>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener();
  }

  change(next: GraphDoc, what: string, { key, numbers = followNodes(this.written.numbers, this.doc, next), selection }: ChangeOptions = {}): void {
    if (next === this.doc && numbers === this.written.numbers) return;
    const chosen = selection ?? carried(this.current.selection, this.doc, next);
    this.set({ history: push(this.current.history, { doc: next, numbers }, what, key ?? null, Date.now()), selection: chosen });
  }

  undo(): void {
    this.travel(undo(this.current.history));
  }

  redo(): void {
    this.travel(redo(this.current.history));
  }

  select(selection: Selection): void {
    if (JSON.stringify(selection) !== JSON.stringify(this.current.selection)) this.set({ selection });
  }

  judge({ problems, plan }: Verdict): void {
    this.set({ problems, plan: plan ?? this.current.plan, checking: "checked" });
  }

  /** What was sent is on the server now; what was changed since then stays a change. */
  saved(sent: Written, base: Stored): void {
    const { history } = this.current;
    const present = { ...history.present, key: null };
    this.set({ base, history: { ...history, present: history.present.state === sent ? { ...present, state: { doc: base.doc, numbers: base.numbers } } : present } });
  }

  private travel(history: History<Written>): void {
    if (history === this.current.history) return;
    this.set({ history, selection: carried(this.current.selection, this.doc, history.present.state.doc) });
  }
}
