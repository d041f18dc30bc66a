import { Link } from "@tanstack/react-router";
import { needs, useMay } from "../api/me";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import type { Selection } from "./document";
import { ProblemsButton } from "./problems-button";
import { useEditor, useEditorScope } from "./use-editor";

interface Props {
  /** False when the browser has no room to keep what is not saved. */
  kept: boolean;
  onAdd: () => void;
  onGo: (selection: Selection) => void;
  onSave: () => void;
  onRun: () => void;
  onHelp: () => void;
}

export function EditorHead({ kept, onAdd, onGo, onSave, onRun, onHelp }: Props) {
  const { store, project, readOnly, old } = useEditorScope();
  const runner = useMay().may("runner");
  const base = useEditor((state) => state.base);
  const name = useEditor((state) => state.name);
  const dirty = useEditor((_, known) => known.dirty);
  const empty = useEditor((_, known) => known.doc.nodes.length === 0);
  const history = useEditor((state) => state.history);
  return (
    <header className="flex shrink-0 flex-wrap items-center gap-x-2.5 gap-y-2 border-b border-line px-3 py-2.5 md:px-4">
      <Link to="/projects/$project/workflows" params={{ project }} aria-label="All workflows" title="All workflows" className="rounded-lg p-1.5 text-ink-3 hover:bg-hover hover:text-ink">
        <Icon name="chevron" size={14} className="rotate-180" />
      </Link>
      <h1 className="max-w-[38vw] truncate text-[15px] font-semibold md:max-w-64">{base?.name || name || "New workflow"}</h1>
      {base && <span className="rounded-full border border-line px-2 py-px text-xs font-medium text-ink-2 tabular-nums">v{base.version}</span>}
      {!readOnly && <State dirty={dirty} stored={base !== null} empty={empty} kept={kept} />}
      <div className="ml-auto flex flex-wrap items-center gap-1.5">
        <ProblemsButton onGo={onGo} />
        {!readOnly && (
          <>
            <Button kind="quiet" icon="plus" onClick={onAdd} title="Add a node (A)" className="lg:hidden">
              Add
            </Button>
            <Button kind="quiet" icon="undo" aria-label="Undo" title={history.past.length > 0 ? `Undo: ${history.present.what} (Ctrl+Z)` : "Nothing to undo"} disabled={history.past.length === 0} onClick={() => store.undo()} />
            <Button kind="quiet" icon="redo" aria-label="Redo" title={history.future[0] ? `Redo: ${history.future[0].what} (Ctrl+Shift+Z)` : "Nothing to redo"} disabled={history.future.length === 0} onClick={() => store.redo()} />
            <Button kind="quiet" icon="keyboard" aria-label="Keyboard" title="What the keys do (?)" onClick={onHelp} className="max-md:hidden" />
          </>
        )}
        {!old && (
          <Button icon="runs" onClick={onRun} disabled={empty || !runner} title={runner ? undefined : needs("runner")}>
            Run
          </Button>
        )}
        {!readOnly && (
          <Button kind="primary" icon="save" onClick={onSave} disabled={empty || !dirty} title="Save (Ctrl+S)">
            Save
          </Button>
        )}
      </div>
    </header>
  );
}

function State({ dirty, stored, empty, kept }: { dirty: boolean; stored: boolean; empty: boolean; kept: boolean }) {
  const words = dirty ? "Not saved" : stored ? "Saved" : empty ? "" : "Not saved";
  if (words === "") return null;
  const title = dirty ? (kept ? "This browser keeps your changes, also when you close the page." : "This browser has no room to keep your changes: save them before you close the page.") : "The server has all of it.";
  return (
    <span role="status" title={title} className={`inline-flex items-center gap-1.5 text-xs whitespace-nowrap ${dirty && !kept ? "text-failed" : "text-ink-3"}`}>
      {dirty ? <span className="size-1.5 rounded-full" style={{ background: kept ? "var(--st-waiting)" : "var(--st-failed)" }} /> : <Icon name="check" size={12} />}
      {words}
      {dirty && !kept && ", and not kept"}
    </span>
  );
}
