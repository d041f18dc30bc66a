import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data, once } from "../api/client";
import type { Trigger, Workflow } from "../api/types";
import { workflowKeys } from "../api/workflow";
import { CopyButton } from "../ui/copy-button";
import { Dialog } from "../ui/dialog";
import { Done } from "../ui/done";
import { Field, Labelled, Select } from "../ui/field";
import { FormEnd } from "../ui/form-end";
import { Secret } from "../ui/secret";
import { addressOf } from "./triggers";

/** Makes an address, and shows its secret, once. */
export function TriggerDialog({ workflow, onClose }: { workflow: Workflow; onClose: () => void }) {
  const [name, setName] = useState("");
  const [signature, setSignature] = useState<Trigger["signature"]>("standard");
  const [envelope, setEnvelope] = useState(false);
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () => {
      const params = { path: { project_id: workflow.project_id, workflow_id: workflow.id }, header: once() };
      const body = { name: name.trim(), signature, envelope, active: true, priority: 0, metadata: {} };
      return data(api.POST("/projects/{project_id}/workflows/{workflow_id}/triggers", { params, body }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: workflowKeys.part(workflow.project_id, workflow.id, "triggers") }),
    gcTime: 0,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  if (create.data) {
    return (
      <Done title={`“${create.data.name}” is ready`} onClose={onClose}>
        <Made trigger={create.data} />
      </Done>
    );
  }
  return (
    <Dialog open onOpenChange={onClose} title="New address">
      <form onSubmit={submit} className="space-y-4">
        <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} placeholder="Orders" maxLength={200} required />
        <Labelled label="How senders prove themselves">
          {(id) => (
            <Select id={id} value={signature} onChange={(event) => setSignature(event.target.value as Trigger["signature"])} className="w-full">
              <option value="standard">Standard Webhooks: a signature over id, time and body</option>
              <option value="github">GitHub: X-Hub-Signature-256</option>
              <option value="token">A token: Authorization: Bearer</option>
            </Select>
          )}
        </Labelled>
        <div className="flex items-start gap-2.5">
          <input id="envelope" type="checkbox" aria-describedby="envelope-note" checked={envelope} onChange={(event) => setEnvelope(event.target.checked)} className="mt-0.5 size-4 accent-(--accent)" />
          <div>
            <label htmlFor="envelope" className="block font-medium">
              With headers and query
            </label>
            <p id="envelope-note" className="text-xs text-ink-2">
              The input is {"{body, headers, query}"}; else it is the body alone.
            </p>
          </div>
        </div>
        <FormEnd error={create.error} icon="bolt" busy={create.isPending} complete={name.trim() !== ""}>
          Create address
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Made({ trigger }: { trigger: Trigger }) {
  const example = `curl -X POST '${addressOf(trigger)}' \\\n  -H "Authorization: Bearer $SECRET" \\\n  -H 'Content-Type: application/json' -d '{}'`;
  return (
    <>
      <div className="flex items-center gap-1 rounded-lg border border-line bg-sunken py-0.5 pr-0.5 pl-3">
        <code className="min-w-0 grow font-mono text-xs [overflow-wrap:anywhere]">{addressOf(trigger)}</code>
        <CopyButton text={() => addressOf(trigger)} label="Copy the address" />
      </div>
      {trigger.secret && <Secret secret={trigger.secret} label="secret" />}
      {trigger.signature === "token" && <pre className="overflow-x-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs">{example}</pre>}
    </>
  );
}
