import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, data, once } from "../api/client";
import type { Schedule, Workflow } from "../api/types";
import { schedulesQuery, workflowKeys } from "../api/workflow";
import { Button } from "../ui/button";
import { Confirm } from "../ui/confirm";
import { Countdown } from "../ui/countdown";
import { ErrorBox } from "../ui/states";
import { Switch } from "../ui/switch";
import { clock, localTimes } from "../ui/time";
import { Firings } from "./firings";
import { ScheduleDialog } from "./schedule-dialog";
import { Section } from "./section";

export function Schedules({ workflow }: { workflow: Workflow }) {
  const query = useQuery(schedulesQuery(workflow.project_id, workflow.id));
  return (
    <Section
      query={query}
      what="the schedules"
      about="A schedule starts runs by the clock, in its time zone. What was missed while no server ran is caught up as it says."
      add="New schedule"
      maker={(close) => <ScheduleDialog workflow={workflow} onClose={close} />}
      icon="clock"
      none="No schedules yet"
    >
      {(schedule) => <Row key={schedule.id} workflow={workflow} schedule={schedule} />}
    </Section>
  );
}

function Row({ workflow, schedule }: { workflow: Workflow; schedule: Schedule }) {
  const [open, setOpen] = useState<"history" | "edit" | "delete" | null>(null);
  const { change, fire, remove } = useSchedule(workflow, schedule);
  const error = change.error ?? fire.error;
  return (
    <li className="rounded-xl border border-line p-4 shadow-card">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className="min-w-0 grow basis-60">
          <h2 className="truncate font-semibold">{schedule.name}</h2>
          <p className="text-ink-2">
            <code className="font-mono text-xs">{schedule.cron}</code> · {schedule.timezone} · {schedule.version ? `version ${schedule.version}` : "newest version"}
          </p>
          <Times workflow={workflow} schedule={schedule} />
        </div>
        <div className="flex items-center gap-2">
          <Button icon="runs" busy={fire.isPending} needs="runner" onClick={() => fire.mutate()}>
            Run now
          </Button>
          <Button kind="quiet" icon="clock" aria-label={`History of ${schedule.name}`} title="What became of its times" aria-expanded={open === "history"} onClick={() => setOpen(open === "history" ? null : "history")} />
          <Button kind="quiet" icon="edit" aria-label={`Change ${schedule.name}`} title="Change" needs="editor" onClick={() => setOpen("edit")} />
          <Button kind="quiet" icon="trash" aria-label={`Delete ${schedule.name}`} title="Delete" needs="editor" onClick={() => setOpen("delete")} />
          <Switch on={schedule.active} label={`${schedule.name} is active`} needs="editor" disabled={change.isPending} title={schedule.active ? "Pause" : "Go on"} onChange={(active) => change.mutate(active)} />
        </div>
      </div>
      {fire.data && (
        <p role="status" className="mt-2">
          Started:{" "}
          <Link to="/projects/$project/runs/$run" params={{ project: workflow.project_id, run: fire.data.id }} className="font-medium text-accent hover:underline">
            open the run
          </Link>
        </p>
      )}
      {error && <div className="mt-3"><ErrorBox error={error} /></div>}
      {open === "history" && <Firings workflow={workflow} schedule={schedule} />}
      {open === "edit" && <ScheduleDialog workflow={workflow} schedule={schedule} onClose={() => setOpen(null)} />}
      {open === "delete" && (
        <Confirm open onOpenChange={() => setOpen(null)} title={`Delete “${schedule.name}”?`} action="Delete the schedule" busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
          <p>It starts nothing any more. The runs that it has started stay.</p>
        </Confirm>
      )}
    </li>
  );
}

function Times({ workflow, schedule }: { workflow: Workflow; schedule: Schedule }) {
  const counts = [
    [schedule.missed, "missed"],
    [schedule.skipped, "left out"],
    [schedule.failed, "failed"],
  ].filter(([count]) => count !== 0);
  return (
    <p className="mt-1 text-xs text-ink-3">
      {schedule.active && workflow.active ? schedule.next_at ? <span className="text-ink-2">next in <Countdown until={schedule.next_at} past="a moment" /></span> : "nothing to come" : "paused"}
      {schedule.last_at && (
        <>
          {" · last "}
          {schedule.last_run_id ? (
            <Link to="/projects/$project/runs/$run" params={{ project: workflow.project_id, run: schedule.last_run_id }} className="text-accent hover:underline">
              {clock(schedule.last_at)}
            </Link>
          ) : (
            clock(schedule.last_at)
          )}
        </>
      )}
      {counts.map(([count, word]) => ` · ${count} ${word}`)}
      {schedule.problem && <span className="mt-1 block text-failed">{localTimes(schedule.problem.message)}</span>}
    </p>
  );
}

function useSchedule(workflow: Workflow, schedule: Schedule) {
  const client = useQueryClient();
  const path = { project_id: workflow.project_id, workflow_id: workflow.id, schedule_id: schedule.id };
  const onSettled = () => client.invalidateQueries({ queryKey: workflowKeys.part(workflow.project_id, workflow.id, "schedules") });
  const one = "/projects/{project_id}/workflows/{workflow_id}/schedules/{schedule_id}" as const;
  const change = useMutation({ mutationFn: (active: boolean) => data(api.PATCH(one, { params: { path }, body: { active } })), onSettled });
  const fire = useMutation({ mutationFn: () => data(api.POST(`${one}/trigger`, { params: { path, header: once() } })), onSettled });
  const remove = useMutation({ mutationFn: () => api.DELETE(one, { params: { path } }), onSettled });
  return { change, fire, remove };
}
