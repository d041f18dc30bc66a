import { useReactFlow } from "@xyflow/react";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { Start } from "../runs/start";
import { autosave } from "./autosave";
import { fitsBetween } from "./between";
import { Canvas } from "./canvas";
import { ConflictDialog } from "./conflict-dialog";
import { Deeds, type From } from "./deeds";
import type { Selection } from "./document";
import { EditorHead } from "./editor-head";
import type { Place } from "./edits";
import { EmptyHint } from "./empty-hint";
import { HelpDialog } from "./help-dialog";
import { Palette } from "./palette";
import { AddPicker, NodePicker } from "./pickers";
import { type Piece, piecesOf } from "./pieces";
import { SaveDialog } from "./save-dialog";
import type { Stored } from "./server";
import { type Side, SidePanel } from "./side-panel";
import type { EditorStore } from "./store";
import { useEditor, useEditorScope } from "./use-editor";
import { isWriting, useClipboard, useKeys } from "./use-keys";
import { Conflict, useSave } from "./use-save";
import { useVerdict } from "./use-verdict";

type Open = { kind: "add"; from: From | null; at: Place | undefined } | { kind: "insert"; edge: number; at: Place } | { kind: "connect"; from: From } | { kind: "go" } | { kind: "save" } | { kind: "conflict"; theirs: Stored } | { kind: "run" } | { kind: "help" };

interface Props {
  slot: string;
  notices: ReactNode;
  /** A new workflow has been stored. */
  onCreated: (stored: Stored, run: boolean) => void;
  runAtOnce: boolean;
}

/** The open editor: canvas, palette, panel, and what comes up over them. */
export function Workspace({ slot, notices, onCreated, runAtOnce }: Props) {
  const { store, project, workflow, catalog, readOnly } = useEditorScope();
  const rf = useReactFlow();
  const [open, setOpen] = useState<Open | null>(runAtOnce ? { kind: "run" } : null);
  const [side, setSide] = useState<Side>("form");
  const [kept, setKept] = useState(true);
  const { said, say } = useSaying();
  const save = useSave(store, project);
  const deeds = useMemo(() => new Deeds(store, rf, catalog, say), [store, rf, catalog, say]);
  const pieces = useMemo(() => piecesOf(catalog), [catalog]);
  const following = useMemo(() => pieces.filter(({ type }) => type !== "input"), [pieces]);
  const between = useMemo(() => pieces.filter(({ type }) => fitsBetween(type)), [pieces]);
  const empty = useEditor((_, known) => known.doc.nodes.length === 0);
  const close = () => setOpen(null);
  useVerdict();
  useEffect(() => (readOnly ? undefined : autosave(store, localStorage, slot, setKept)), [store, slot, readOnly]);

  const startAdding = useCallback(() => {
    const on = chosenEdge(store);
    const at = on === null ? null : deeds.middleOf(on);
    setOpen(on !== null && at ? { kind: "insert", edge: on, at } : { kind: "add", from: deeds.follows(""), at: undefined });
  }, [deeds, store]);
  const startInserting = useCallback((edge: number, at: Place) => setOpen({ kind: "insert", edge, at }), []);
  const openEnd = useCallback((from: From, at: Place) => setOpen({ kind: "add", from, at }), []);
  const startSaving = useCallback(() => (store.dirty ? setOpen({ kind: "save" }) : say("Everything is saved.")), [store, say]);
  const startRunning = () => setOpen({ kind: store.dirty || store.get().base === null ? "save" : "run" });
  useWorkspaceKeys(deeds, { add: startAdding, save: startSaving, connect: (from) => setOpen({ kind: "connect", from }), go: () => setOpen({ kind: "go" }), help: () => setOpen({ kind: "help" }), side: () => setSide((now) => (now === "form" ? "json" : "form")) });

  const go = (selection: Selection) => {
    store.select(selection);
    const edge = selection.kind === "edge" ? store.doc.edges[selection.index] : undefined;
    const id = selection.kind === "node" ? selection.id : edge?.source;
    if (id !== undefined && store.places.has(id)) deeds.show(id);
    else if (edge) setSide("json");
  };
  const press = (piece: Piece) => {
    const on = chosenEdge(store);
    const at = on === null ? null : deeds.middleOf(on);
    if (on !== null && at) deeds.insert(piece, on, at);
    else add(piece);
  };
  const add = (piece: Piece, how?: { from: From | null; at: Place | undefined }) => {
    deeds.add(piece, how ?? { from: deeds.follows(piece.type) });
    close();
  };
  const saved = (stored: Stored, run: boolean) => {
    if (workflow === null) return onCreated(stored, run);
    setOpen(run ? { kind: "run" } : null);
    say(`Saved as version ${stored.version}.`);
  };
  const over = (theirs: Stored) =>
    save.mutate({ name: theirs.name, over: theirs }, { onSuccess: (stored) => saved(stored, false), onError: (error) => error instanceof Conflict && setOpen({ kind: "conflict", theirs: error.theirs }) });

  return (
    <div className="flex min-h-full flex-col md:h-full md:min-h-0">
      <EditorHead kept={kept} onAdd={startAdding} onGo={go} onSave={startSaving} onRun={startRunning} onHelp={() => setOpen({ kind: "help" })} />
      {notices}
      <div className="flex min-h-0 grow flex-col md:flex-row">
        {!readOnly && <Palette pieces={pieces} onAdd={press} onSearch={startAdding} />}
        <section aria-label="Canvas" onPointerDownCapture={stopWriting} className="relative h-[56vh] min-w-0 shrink-0 md:h-auto md:shrink md:grow">
          <Canvas deeds={deeds} pieces={pieces} onOpenEnd={openEnd} onInsert={startInserting} />
          {empty && !readOnly && <EmptyHint onAdd={startAdding} onJson={() => setSide("json")} />}
          <p role="status" className={`pointer-events-none absolute bottom-4 left-1/2 z-20 -translate-x-1/2 rounded-lg bg-ink px-3 py-1.5 text-xs font-medium text-bg shadow-pop transition-opacity ${said ? "opacity-100" : "opacity-0"}`}>
            {said}
          </p>
        </section>
        <SidePanel side={side} onSide={setSide} />
      </div>
      {open?.kind === "add" && <AddPicker pieces={open.from ? following : pieces} onPick={(piece) => add(piece, { from: open.from, at: open.at })} onClose={close} />}
      {open?.kind === "insert" && (
        <AddPicker
          title="Put a node onto the edge"
          pieces={between}
          onPick={(piece) => {
            deeds.insert(piece, open.edge, open.at);
            close();
          }}
          onClose={close}
        />
      )}
      {open?.kind === "go" && (
        <NodePicker
          title="Go to a node"
          onPick={(id) => {
            deeds.go(id);
            close();
          }}
          onClose={close}
        />
      )}
      {open?.kind === "connect" && (
        <NodePicker
          title={`Connect ${open.from.source} to`}
          onPick={(id) => {
            deeds.connect(open.from, id);
            close();
          }}
          onClose={close}
        />
      )}
      {open?.kind === "save" && <SaveDialog save={save} onClose={close} onSaved={saved} onConflict={({ theirs }) => setOpen({ kind: "conflict", theirs })} />}
      {open?.kind === "conflict" && <ConflictDialog theirs={open.theirs} busy={save.isPending} onMine={() => over(open.theirs)} onClose={close} />}
      {open?.kind === "help" && <HelpDialog onClose={close} />}
      {workflow !== null && open?.kind === "run" && <Start project={project} workflow={workflow} onClose={close} />}
    </div>
  );
}

function chosenEdge(store: EditorStore): number | null {
  const { selection } = store.get();
  return selection.kind === "edge" ? selection.index : null;
}

/** The canvas does not take the keyboard by itself from a field that has it. */
function stopWriting(): void {
  if (isWriting(document.activeElement)) (document.activeElement as HTMLElement).blur();
}

const SAID_MS = 2_600;

/** One short sentence at a time, gone after a moment. */
function useSaying() {
  const [said, setSaid] = useState({ text: "", at: 0 });
  useEffect(() => {
    if (said.text === "") return;
    const timer = setTimeout(() => setSaid({ text: "", at: 0 }), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  return { said: said.text, say: useCallback((text: string) => setSaid({ text, at: Date.now() }), []) };
}

interface Starts {
  add: () => void;
  connect: (from: From) => void;
  save: () => void;
  go: () => void;
  help: () => void;
  side: () => void;
}

function useWorkspaceKeys(deeds: Deeds, starts: Starts): void {
  const { store, readOnly } = useEditorScope();
  const looking = { Escape: () => store.select({ kind: "none" }), f: () => deeds.fit(), j: starts.side, "Shift-?": starts.help, g: starts.go, "Mod-a": () => deeds.selectAll(), "Alt-ArrowRight": () => deeds.walk(true), "Alt-ArrowLeft": () => deeds.walk(false) };
  const changing = {
    a: starts.add,
    c: () => {
      const from = deeds.follows("");
      if (from) starts.connect(from);
    },
    t: () => void deeds.tidy(),
    Delete: () => deeds.removeSelected(),
    Backspace: () => deeds.removeSelected(),
    "Mod-z": () => store.undo(),
    "Mod-Shift-z": () => store.redo(),
    "Mod-y": () => store.redo(),
    "Mod-d": () => deeds.duplicate(),
    "Mod-s": starts.save,
  };
  useKeys(readOnly ? looking : { ...looking, ...changing });
  const copy = useCallback(() => deeds.copy(), [deeds]);
  const remove = useCallback(() => readOnly || deeds.removeSelected(), [deeds, readOnly]);
  const paste = useCallback((text: string) => readOnly || deeds.paste(text), [deeds, readOnly]);
  useClipboard({ copy, remove, paste });
}
