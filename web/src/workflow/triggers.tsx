import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, BASE, data, once } from "../api/client";
import type { Trigger, Workflow } from "../api/types";
import { triggersQuery, workflowKeys } from "../api/workflow";
import { Button } from "../ui/button";
import { Confirm } from "../ui/confirm";
import { CopyButton } from "../ui/copy-button";
import { Dialog } from "../ui/dialog";
import { Secret } from "../ui/secret";
import { ErrorBox } from "../ui/states";
import { Switch } from "../ui/switch";
import { Section } from "./section";
import { TriggerDialog } from "./trigger-dialog";

const SIGNED: Record<Trigger["signature"], string> = {
  standard: "signed as Standard Webhooks",
  github: "signed as GitHub does",
  token: "with a token",
};

export function addressOf(trigger: Trigger): string {
  return trigger.path.startsWith("/") ? location.origin + trigger.path : `${location.origin}${BASE}/${trigger.path}`;
}

export function Triggers({ workflow }: { workflow: Workflow }) {
  const query = useQuery(triggersQuery(workflow.project_id, workflow.id));
  return (
    <Section
      query={query}
      what="the webhooks"
      about="An address of its own that starts a run with what is sent to it. Senders show by a signature, or a token, that they know its secret."
      add="New address"
      maker={(close) => <TriggerDialog workflow={workflow} onClose={close} />}
      icon="bolt"
      none="No addresses yet"
    >
      {(trigger) => <Row key={trigger.id} workflow={workflow} trigger={trigger} />}
    </Section>
  );
}

function Row({ workflow, trigger }: { workflow: Workflow; trigger: Trigger }) {
  const [open, setOpen] = useState<"rotate" | "delete" | null>(null);
  const { change, rotate, remove } = useTrigger(workflow, trigger);
  const close = () => setOpen(null);
  return (
    <li className="rounded-xl border border-line p-4 shadow-card">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className="min-w-0 grow basis-60">
          <h2 className="truncate font-semibold">{trigger.name}</h2>
          <p className="text-ink-2">
            {SIGNED[trigger.signature]} · {trigger.version ? `version ${trigger.version}` : "newest version"}
            {trigger.envelope && " · input with headers and query"}
          </p>
        </div>
        <div className="flex items-center gap-2">
          <Button kind="quiet" icon="retry" aria-label={`New secret for ${trigger.name}`} title="New secret" needs="editor" onClick={() => setOpen("rotate")} />
          <Button kind="quiet" icon="trash" aria-label={`Delete ${trigger.name}`} title="Delete" needs="editor" onClick={() => setOpen("delete")} />
          <Switch on={trigger.active} label={`${trigger.name} is active`} needs="editor" disabled={change.isPending} title={trigger.active ? "Pause" : "Go on"} onChange={(active) => change.mutate(active)} />
        </div>
      </div>
      <div className="mt-3 flex items-center gap-1 rounded-lg border border-line bg-sunken py-0.5 pr-0.5 pl-3">
        <code className="min-w-0 grow font-mono text-xs [overflow-wrap:anywhere]">POST {addressOf(trigger)}</code>
        <CopyButton text={() => addressOf(trigger)} label={`Copy the address of ${trigger.name}`} />
      </div>
      {change.error && <div className="mt-3"><ErrorBox error={change.error} /></div>}
      {open === "rotate" && !rotate.data && (
        <Confirm open onOpenChange={close} title={`A new secret for “${trigger.name}”?`} action="Make a new secret" busy={rotate.isPending} error={rotate.error} onConfirm={() => rotate.mutate()}>
          <p>Senders need it from now on; the one before counts for another hour.</p>
        </Confirm>
      )}
      {open === "rotate" && rotate.data?.secret && (
        <Dialog open onOpenChange={() => { close(); rotate.reset(); }} title="The new secret">
          <Secret secret={rotate.data.secret} label="secret" />
        </Dialog>
      )}
      {open === "delete" && (
        <Confirm open onOpenChange={close} title={`Delete “${trigger.name}”?`} action="Delete the address" busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
          <p>What is sent to it is refused from now on. The runs that it has started stay.</p>
        </Confirm>
      )}
    </li>
  );
}

const AN_HOUR = 3600;

function useTrigger(workflow: Workflow, trigger: Trigger) {
  const client = useQueryClient();
  const path = { project_id: workflow.project_id, workflow_id: workflow.id, trigger_id: trigger.id };
  const onSettled = () => client.invalidateQueries({ queryKey: workflowKeys.part(workflow.project_id, workflow.id, "triggers") });
  const one = "/projects/{project_id}/workflows/{workflow_id}/triggers/{trigger_id}" as const;
  const change = useMutation({ mutationFn: (active: boolean) => data(api.PATCH(one, { params: { path }, body: { active } })), onSettled });
  const rotate = useMutation({ mutationFn: () => data(api.POST(`${one}/rotate`, { params: { path, header: once() }, body: { keep_old_seconds: AN_HOUR } })), onSettled, gcTime: 0 });
  const remove = useMutation({ mutationFn: () => api.DELETE(one, { params: { path } }), onSettled });
  return { change, rotate, remove };
}
