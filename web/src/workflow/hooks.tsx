import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, once } from "../api/client";
import type { Hook, Workflow } from "../api/types";
import { hooksQuery, workflowKeys } from "../api/workflow";
import { Button } from "../ui/button";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Secret } from "../ui/secret";
import { ErrorBox } from "../ui/states";
import { Switch } from "../ui/switch";
import { clock } from "../ui/time";
import { Deliveries } from "./deliveries";
import { HookDialog } from "./hook-dialog";
import { Section } from "./section";

export function Hooks({ workflow }: { workflow: Workflow }) {
  const all = useQuery({ ...hooksQuery(workflow.project_id), select: (hooks) => hooks.filter((hook) => hook.workflow_id === null || hook.workflow_id === workflow.id) });
  return (
    <Section
      query={all}
      what="the hooks"
      about="An address elsewhere that is told of what happens in runs. What fails is sent again for a day."
      add="New hook"
      maker={(close) => <HookDialog workflow={workflow} onClose={close} />}
      icon="send"
      none="No hooks yet"
    >
      {(hook) => <Row key={hook.id} hook={hook} />}
    </Section>
  );
}

function Row({ hook }: { hook: Hook }) {
  const [open, setOpen] = useState<"deliveries" | "rotate" | "delete" | null>(null);
  const { change, ping, rotate, remove } = useHook(hook);
  const close = () => setOpen(null);
  const error = change.error ?? ping.error;
  const test = () => ping.mutate(undefined, { onSuccess: () => setOpen("deliveries") });
  return (
    <li className="rounded-xl border border-line p-4 shadow-card">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className="min-w-0 grow basis-60">
          <h2 className="truncate font-semibold">{hook.name}</h2>
          <p className="font-mono text-xs text-ink-2 [overflow-wrap:anywhere]">{hook.url}</p>
          <p className="mt-1 text-xs text-ink-3">
            {hook.workflow_id ? "this workflow" : "all workflows"} · {hook.events.join(", ")}
          </p>
          {hook.problem ? <p className="mt-1 text-xs text-failed">{hook.problem.message}</p> : hook.failing_since && <p className="mt-1 text-xs text-failed">Fails since {clock(hook.failing_since)}</p>}
        </div>
        <div className="flex items-center gap-2">
          <Button icon="send" busy={ping.isPending} needs="editor" disabled={!hook.active} title="Send it an event of the type hook.ping" onClick={test}>
            Test
          </Button>
          <Button kind="quiet" icon="clock" aria-label={`Deliveries of ${hook.name}`} title="What it was sent" aria-expanded={open === "deliveries"} onClick={() => setOpen(open === "deliveries" ? null : "deliveries")} />
          <Button kind="quiet" icon="retry" aria-label={`New secret for ${hook.name}`} title="New secret" needs="editor" onClick={() => setOpen("rotate")} />
          <Button kind="quiet" icon="trash" aria-label={`Delete ${hook.name}`} title="Delete" needs="editor" onClick={() => setOpen("delete")} />
          <Switch on={hook.active} label={`${hook.name} is active`} needs="editor" disabled={change.isPending} title={hook.active ? "Pause" : "Go on"} onChange={(active) => change.mutate(active)} />
        </div>
      </div>
      {error && <div className="mt-3"><ErrorBox error={error} /></div>}
      {open === "deliveries" && <Deliveries hook={hook} />}
      {open === "rotate" && !rotate.data && (
        <Confirm open onOpenChange={close} title={`A new secret for “${hook.name}”?`} action="Make a new secret" busy={rotate.isPending} error={rotate.error} onConfirm={() => rotate.mutate()}>
          <p>For another hour deliveries are signed with both, the new one and the one before.</p>
        </Confirm>
      )}
      {open === "rotate" && rotate.data?.secret && (
        <Dialog open onOpenChange={() => { close(); rotate.reset(); }} title="The new secret">
          <Secret secret={rotate.data.secret} label="secret" />
        </Dialog>
      )}
      {open === "delete" && (
        <Confirm open onOpenChange={close} title={`Delete “${hook.name}”?`} action="Delete the hook" busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
          <p>It is told of nothing any more, and the list of its deliveries goes with it.</p>
        </Confirm>
      )}
    </li>
  );
}

const AN_HOUR = 3600;

function useHook(hook: Hook) {
  const client = useQueryClient();
  const path = { project_id: hook.project_id, hook_id: hook.id };
  const onSettled = () => client.invalidateQueries({ queryKey: workflowKeys.hooks(hook.project_id) });
  const one = "/projects/{project_id}/hooks/{hook_id}" as const;
  const change = useMutation({ mutationFn: (active: boolean) => data(api.PATCH(one, { params: { path }, body: { active } })), onSettled });
  const ping = useMutation({ mutationFn: () => data(api.POST(`${one}/ping`, { params: { path, header: once() } })), onSettled });
  const rotate = useMutation({ mutationFn: () => data(api.POST(`${one}/rotate`, { params: { path, header: once() }, body: { keep_old_seconds: AN_HOUR } })), onSettled, gcTime: 0 });
  const remove = useMutation({ mutationFn: () => api.DELETE(one, { params: { path } }), onSettled });
  return { change, ping, rotate, remove };
}
