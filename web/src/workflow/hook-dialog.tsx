import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data, once } from "../api/client";
import type { Workflow } from "../api/types";
import { workflowKeys } from "../api/workflow";
import { Dialog } from "../ui/dialog";
import { Done } from "../ui/done";
import { Field, Labelled, Select } from "../ui/field";
import { FormEnd } from "../ui/form-end";
import { Secret } from "../ui/secret";

const ENDS = ["workflow.run.completed", "workflow.run.failed", "workflow.run.cancelled"];
const SORTS: { key: string; text: string; events: string[] }[] = [
  { key: "ends", text: "Runs that end", events: ENDS },
  { key: "failures", text: "Runs that fail", events: ["workflow.run.failed"] },
  { key: "waits", text: "Runs that wait or fail", events: ["workflow.run.waiting", "workflow.run.failed"] },
  { key: "runs", text: "Everything about runs", events: ["workflow.run.*"] },
  { key: "all", text: "Everything, nodes included", events: ["*"] },
];

/** Makes a hook, and shows its secret, once. */
export function HookDialog({ workflow, onClose }: { workflow: Workflow; onClose: () => void }) {
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [sort, setSort] = useState("ends");
  const [here, setHere] = useState(true);
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => {
      const events = SORTS.find((one) => one.key === sort)?.events ?? ENDS;
      const body = { name: name.trim(), url: url.trim(), events, workflow_id: here ? workflow.id : null, active: true };
      return data(api.POST("/projects/{project_id}/hooks", { params: { path: { project_id: workflow.project_id }, header: once() }, body }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: workflowKeys.hooks(workflow.project_id) }),
    gcTime: 0,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  if (create.data) {
    return (
      <Done title={`“${create.data.name}” is ready`} description="Each delivery is signed with this secret, as Standard Webhooks says." onClose={onClose}>
        {create.data.secret && <Secret secret={create.data.secret} label="secret" />}
      </Done>
    );
  }
  return (
    <Dialog open onOpenChange={onClose} title="New hook">
      <form onSubmit={submit} className="space-y-4">
        <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} placeholder="Tell the shop" maxLength={200} required />
        <Field label="Address" type="url" value={url} onChange={(event) => setUrl(event.target.value)} placeholder="https://example.com/graphwright" required />
        <Labelled label="Tell it of">
          {(id) => (
            <Select id={id} value={sort} onChange={(event) => setSort(event.target.value)} className="w-full">
              {SORTS.map(({ key, text }) => (
                <option key={key} value={key}>
                  {text}
                </option>
              ))}
            </Select>
          )}
        </Labelled>
        <Labelled label="Of which workflows">
          {(id) => (
            <Select id={id} value={here ? "this" : "all"} onChange={(event) => setHere(event.target.value === "this")} className="w-full">
              <option value="this">{workflow.name}</option>
              <option value="all">All of the project</option>
            </Select>
          )}
        </Labelled>
        <FormEnd error={create.error} icon="send" busy={create.isPending} complete={name.trim() !== "" && url.trim() !== ""}>
          Create hook
        </FormEnd>
      </form>
    </Dialog>
  );
}
