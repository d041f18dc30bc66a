import { type FormEvent, useMemo, useState } from "react";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { ErrorBox } from "../ui/states";
import { DiffView } from "../workflow/diff-view";
import { changesOfWritten } from "./changes";
import { counted } from "./deeds";
import { ProblemList } from "./problem-list";
import type { Stored } from "./server";
import { useEditor, useEditorScope } from "./use-editor";
import { Conflict, type useSave } from "./use-save";

interface Props {
  save: ReturnType<typeof useSave>;
  onClose: () => void;
  onSaved: (stored: Stored, run: boolean) => void;
  onConflict: (conflict: Conflict) => void;
}

/** What will change, before it does. */
export function SaveDialog({ save, onClose, onSaved, onConflict }: Props) {
  const { store } = useEditorScope();
  const base = useEditor((state) => state.base);
  const title = base ? `Save as version ${base.version + 1}` : "Save as a new workflow";
  const [run, setRun] = useState(false);
  const submit = (name: string, andRun: boolean) => {
    setRun(andRun);
    if (!base) store.set({ name });
    save.mutate({ name }, { onSuccess: (stored) => onSaved(stored, andRun), onError: (error) => error instanceof Conflict && onConflict(error) });
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title} {...(base ? { description: `What has changed since version ${base.version}.` } : {})}>
      <Form onSave={submit} busy={save.isPending} run={run} />
      {save.isError && !(save.error instanceof Conflict) && (
        <div className="mt-4">
          <ErrorBox error={save.error} />
        </div>
      )}
    </Dialog>
  );
}

function Form({ onSave, busy, run }: { onSave: (name: string, run: boolean) => void; busy: boolean; run: boolean }) {
  const base = useEditor((state) => state.base);
  const written = useEditor((_, store) => store.written);
  const { doc } = written;
  const problems = useEditor((state) => state.problems);
  const checking = useEditor((state) => state.checking);
  const known = useEditor((state) => state.name);
  const [name, setName] = useState(known);
  const changes = useMemo(() => base && changesOfWritten(base, written), [base, written]);
  const wrong = checking === "checked" && problems.length > 0;
  const ready = !wrong && (base !== null || name.trim() !== "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { submitter } = event.nativeEvent as SubmitEvent;
    if (ready) onSave(name.trim(), submitter?.id === "save-and-run");
  };
  return (
    <form onSubmit={submit} className="space-y-4 sm:min-w-[30rem]">
      {!base && (
        // What is asked for first.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} autoFocus maxLength={200} placeholder="What people call it" hint={`${counted(doc.nodes.length)}, ${doc.edges.length} edges`} />
      )}
      {changes && <DiffView changes={changes} label="Changes" />}
      {wrong && (
        <div className="space-y-2">
          <p className="font-medium text-failed">It cannot be saved like this. Nothing is lost: it stays open here, and this browser keeps it.</p>
          <ProblemList problems={problems} />
        </div>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button type="submit" id="save-and-run" icon="runs" busy={busy && run} disabled={!ready || busy}>
          Save and run
        </Button>
        {/* The dialog is answered with Enter. */}
        {/* eslint-disable-next-line jsx-a11y/no-autofocus */}
        <Button type="submit" kind="primary" icon="save" busy={busy && !run} disabled={!ready || busy} autoFocus={base !== null}>
          {base ? `Save version ${base.version + 1}` : "Save"}
        </Button>
      </div>
    </form>
  );
}
