import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, data } from "../api/client";
import { useMay } from "../api/me";
import { keys } from "../api/queries";
import type { Workflow } from "../api/types";
import { workflowKeys } from "../api/workflow";
import { preloadStart, Start } from "../runs/start";
import { Button, linkLook } from "../ui/button";
import { Confirm } from "../ui/confirm";
import { Icon } from "../ui/icons";
import { Menu, MenuItem, MenuLine } from "../ui/menu";
import { ErrorBox } from "../ui/states";
import { DetailsDialog } from "./details-dialog";
import { exportWorkflow, type ExportFormat } from "./export";

const EXPORTS: [ExportFormat, string][] = [
  ["json", "Export as JSON"],
  ["mermaid", "Export as Mermaid"],
  ["python", "Export as Python"],
];

/** What the workflow is, and what one can do with it. */
export function WorkflowHead({ workflow }: { workflow: Workflow }) {
  const [open, setOpen] = useState<"start" | "details" | "delete" | null>(null);
  const close = () => setOpen(null);
  const editor = useMay().may("editor");
  const activity = useActivity(workflow);
  const exported = useMutation({ mutationFn: (format: ExportFormat) => exportWorkflow(workflow, format) });
  const error = activity.error ?? exported.error;
  const project = workflow.project_id;
  return (
    <header className="shrink-0 px-5 pt-3 pb-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <nav aria-label="Breadcrumb" className="flex min-w-0 items-center gap-2">
          <Link to="/projects/$project/workflows" params={{ project }} className="text-ink-3 hover:text-ink">
            Workflows
          </Link>
          <Icon name="chevron" size={11} className="text-ink-3" />
          <h1 className="truncate text-[15px] font-semibold">{workflow.name}</h1>
        </nav>
        <span className="rounded-md border border-line px-1.5 py-px text-xs text-ink-2">v{workflow.version}</span>
        {!workflow.active && (
          <span data-status="CANCELLED" className="rounded-full bg-(--st-soft) px-2.5 py-[3px] text-xs font-medium text-(--st)">
            Not active
          </span>
        )}
        <div className="ml-auto flex flex-wrap gap-2">
          <Button kind="primary" icon="runs" needs="runner" disabled={!workflow.active} title={workflow.active ? undefined : "It is not active. Activate it first."} onPointerEnter={preloadStart} onClick={() => setOpen("start")}>
            Start run
          </Button>
          <Link
            to="/projects/$project/runs"
            params={{ project }}
            search={{ workflow: workflow.id }}
            className={linkLook()}
          >
            Runs
          </Link>
          <Link to="/projects/$project/workflows/$workflow/edit" params={{ project, workflow: workflow.id }} className={linkLook()}>
            <Icon name="edit" size={15} />
            {editor ? "Edit" : "Open"}
          </Link>
          <Menu trigger={<Button icon="more" aria-label="More" busy={activity.isPending || exported.isPending} />}>
            <MenuItem icon="edit" needs="editor" onSelect={() => setOpen("details")}>
              Rename, describe, limit…
            </MenuItem>
            <MenuItem icon={workflow.active ? "pause" : "check"} needs="editor" onSelect={() => activity.mutate(!workflow.active)}>
              {workflow.active ? "Deactivate" : "Activate"}
            </MenuItem>
            <MenuLine />
            {EXPORTS.map(([format, text]) => (
              <MenuItem key={format} icon="save" onSelect={() => exported.mutate(format)}>
                {text}
              </MenuItem>
            ))}
            <MenuLine />
            <MenuItem icon="trash" danger needs="editor" onSelect={() => setOpen("delete")}>
              Delete…
            </MenuItem>
          </Menu>
        </div>
      </div>
      {workflow.description && <p className="mt-1.5 max-w-3xl text-ink-2">{workflow.description}</p>}
      {workflow.max_running !== null && <p className="mt-1 text-xs text-ink-3">No more than {workflow.max_running} runs at once.</p>}
      {error && (
        <div className="mt-2">
          <ErrorBox error={error} />
        </div>
      )}
      {open === "start" && <Start project={project} workflow={workflow.id} onClose={close} />}
      {open === "details" && <DetailsDialog workflow={workflow} onClose={close} />}
      {open === "delete" && <DeleteDialog workflow={workflow} onClose={close} />}
    </header>
  );
}

function useActivity(workflow: Workflow) {
  const client = useQueryClient();
  const path = { project_id: workflow.project_id, workflow_id: workflow.id };
  return useMutation({
    mutationFn: (active: boolean) => data(api.PATCH("/projects/{project_id}/workflows/{workflow_id}", { params: { path }, body: { active } })),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: workflowKeys.one(workflow.project_id, workflow.id) }),
        client.invalidateQueries({ queryKey: keys.workflows(workflow.project_id) }),
      ]),
  });
}

function DeleteDialog({ workflow, onClose }: { workflow: Workflow; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const project = workflow.project_id;
  const remove = useMutation({
    mutationFn: () => api.DELETE("/projects/{project_id}/workflows/{workflow_id}", { params: { path: { project_id: project, workflow_id: workflow.id } } }),
    onSuccess: async () => {
      await navigate({ to: "/projects/$project/workflows", params: { project } });
      client.removeQueries({ queryKey: workflowKeys.one(project, workflow.id) });
      await client.invalidateQueries({ queryKey: keys.workflows(project) });
    },
  });
  return (
    <Confirm open onOpenChange={onClose} title={`Delete “${workflow.name}”?`} action="Delete the workflow" busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
      <p>No run of it can be started any more, and its schedules and webhooks end. Its runs stay, with the versions that they ran on.</p>
    </Confirm>
  );
}
