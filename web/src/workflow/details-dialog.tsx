import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data } from "../api/client";
import { keys } from "../api/queries";
import type { Workflow } from "../api/types";
import { workflowKeys } from "../api/workflow";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { CONTROL, Field, Labelled } from "../ui/field";
import { ErrorBox } from "../ui/states";

/** What a workflow is called, what it is for, and how many of its runs may run at once. */
export function DetailsDialog({ workflow, onClose }: { workflow: Workflow; onClose: () => void }) {
  const [name, setName] = useState(workflow.name);
  const [description, setDescription] = useState(workflow.description);
  const [most, setMost] = useState(workflow.max_running === null ? "" : String(workflow.max_running));
  const client = useQueryClient();
  const path = { project_id: workflow.project_id, workflow_id: workflow.id };
  const save = useMutation({
    mutationFn: () => {
      const body = { name: name.trim(), description, max_running: most.trim() === "" ? null : Number(most) };
      return data(api.PATCH("/projects/{project_id}/workflows/{workflow_id}", { params: { path }, body }));
    },
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: workflowKeys.one(path.project_id, path.workflow_id) }),
        client.invalidateQueries({ queryKey: keys.workflows(path.project_id) }),
      ]);
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog open onOpenChange={onClose} title="Name and limits">
      <form onSubmit={submit} className="space-y-4">
        <Field label="Name" value={name} maxLength={200} required onChange={(event) => setName(event.target.value)} />
        <Labelled label="Description">
          {(id) => <textarea id={id} rows={3} value={description} onChange={(event) => setDescription(event.target.value)} className={`${CONTROL} resize-y py-2`} />}
        </Labelled>
        <Field label="Runs at once" hint="Others wait in the queue. Empty: any number." inputMode="numeric" pattern="[0-9]*" value={most} onChange={(event) => setMost(event.target.value)} />
        {save.isError && <ErrorBox error={save.error} />}
        <div className="flex justify-end">
          <Button type="submit" kind="primary" busy={save.isPending} disabled={name.trim() === ""}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
