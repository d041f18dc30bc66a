import { useMemo, useState } from "react";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { DiffView } from "../workflow/diff-view";
import { changesOfWritten } from "./changes";
import { merge } from "./merge";
import type { Stored } from "./server";
import { useEditor, useEditorScope } from "./use-editor";

interface Props {
  theirs: Stored;
  busy: boolean;
  onMine: () => void;
  onClose: () => void;
}

const VIEWS = { theirs: "What they changed", mine: "What I changed", between: "Theirs against mine" } as const;

/** Two have changed the same workflow: nothing is done before somebody says what. */
export function ConflictDialog({ theirs, busy, onMine, onClose }: Props) {
  const { store } = useEditorScope();
  const base = useEditor((state) => state.base)!;
  const written = useEditor((_, known) => known.written);
  const { doc } = written;
  const [view, setView] = useState<keyof typeof VIEWS>("theirs");
  const joined = useMemo(() => merge(base.doc, doc, theirs.doc), [base, doc, theirs]);
  const changes = useMemo(() => {
    if (view === "between") return changesOfWritten(theirs, written);
    return changesOfWritten(base, view === "theirs" ? theirs : written);
  }, [view, base, written, theirs]);
  const take = (next: typeof doc, what: string) => {
    const numbers = new Map([...theirs.numbers, ...store.written.numbers]);
    store.set({ base: theirs });
    store.change(next, what, { numbers: next === theirs.doc ? theirs.numbers : numbers });
    onClose();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Version ${theirs.version} was saved meanwhile`}
      description={`You are working on version ${base.version}. Nothing has been saved, and nothing is lost: whatever you take, the other stays one step back or one version back.`}
    >
      <div className="sm:min-w-[32rem]">
        <div role="tablist" aria-label="Look at" className="mb-3 flex gap-1">
          {Object.entries(VIEWS).map(([key, text]) => (
            <button
              key={key}
              type="button"
              role="tab"
              aria-selected={view === key}
              onClick={() => setView(key as keyof typeof VIEWS)}
              className="rounded-lg px-2.5 py-1 font-medium text-ink-2 hover:bg-hover aria-selected:bg-accent-soft aria-selected:text-accent"
            >
              {text}
            </button>
          ))}
        </div>
        <div className="max-h-[40vh] overflow-y-auto">
          <DiffView changes={changes} label={VIEWS[view]} />
        </div>
        {joined.contested.length > 0 && (
          <p className="mt-3 text-ink-2">
            Both have changed <strong>{joined.contested.join(", ")}</strong>. Joined, they are as you have them.
          </p>
        )}
        <div className="mt-4 flex flex-wrap justify-end gap-2">
          <Button onClick={() => take(theirs.doc, `Take version ${theirs.version}`)}>Take theirs</Button>
          <Button busy={busy} onClick={onMine}>
            Save mine as version {theirs.version + 1}
          </Button>
          <Button kind="primary" onClick={() => take(joined.doc, `Join with version ${theirs.version}`)}>
            Join both
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
