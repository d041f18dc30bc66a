import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data, once } from "../api/client";
import { templatesQuery } from "../api/queries";
import type { Schedule, Workflow } from "../api/types";
import { workflowKeys } from "../api/workflow";
import { exampleInput, parseInput } from "../runs/example-input";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { CONTROL, Field, Labelled, Select } from "../ui/field";
import { ErrorBox } from "../ui/states";

const TIMES: [string, string][] = [
  ["Every hour", "0 * * * *"],
  ["Every day at 9", "0 9 * * *"],
  ["Working days at 9", "0 9 * * mon-fri"],
  ["Mondays at 9", "0 9 * * mon"],
  ["First of the month", "0 9 1 * *"],
];
const OVERLAPS: [Schedule["overlap"], string][] = [
  ["skip", "leave the new one out"],
  ["queue", "let the new one wait"],
  ["allow", "run both"],
  ["cancel_previous", "cancel the one before"],
];
const CATCH_UPS: [Schedule["catch_up"], string][] = [
  ["last", "run the newest of them once"],
  ["all", "run all of them, up to 100"],
  ["none", "run none of them"],
];

interface Props {
  workflow: Workflow;
  schedule?: Schedule;
  onClose: () => void;
}

export function ScheduleDialog({ workflow, schedule, onClose }: Props) {
  return (
    <Dialog open onOpenChange={onClose} title={schedule ? "Change the schedule" : "New schedule"}>
      <ScheduleForm workflow={workflow} schedule={schedule} onClose={onClose} />
    </Dialog>
  );
}

function ScheduleForm({ workflow, schedule, onClose }: Props & { schedule: Schedule | undefined }) {
  const templates = useQuery(templatesQuery());
  const [name, setName] = useState(schedule?.name ?? "");
  const [cron, setCron] = useState(schedule?.cron ?? "0 9 * * *");
  const [timezone, setTimezone] = useState(schedule?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [overlap, setOverlap] = useState(schedule?.overlap ?? "skip");
  const [catchUp, setCatchUp] = useState(schedule?.catch_up ?? "last");
  const [draft, setDraft] = useState<string | null>(schedule ? JSON.stringify(schedule.input_data, null, 2) : null);
  const text = draft ?? JSON.stringify(exampleInput(workflow, templates.data?.items ?? []), null, 2);
  const parsed = parseInput(text);
  const save = useSave(workflow, schedule, onClose);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (parsed.ok) save.mutate({ name: name.trim(), cron: cron.trim(), timezone: timezone.trim(), overlap, catch_up: catchUp, input_data: parsed.value });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} placeholder="Every morning" maxLength={200} required />
      <div>
        <Field label="Times" hint="Minute, hour, day of the month, month, day of the week." value={cron} onChange={(event) => setCron(event.target.value)} spellCheck={false} required className={`${CONTROL} h-9 font-mono`} />
        <div className="mt-2 flex flex-wrap gap-1.5">
          {TIMES.map(([words, value]) => (
            <button key={value} type="button" aria-pressed={cron === value} onClick={() => setCron(value)} className="rounded-full border border-line px-2.5 py-0.5 text-xs text-ink-2 hover:bg-hover aria-pressed:border-accent aria-pressed:text-accent">
              {words}
            </button>
          ))}
        </div>
      </div>
      <Field label="Time zone" list="zones" value={timezone} onChange={(event) => setTimezone(event.target.value)} required />
      <datalist id="zones">
        {["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <Labelled label="Input of its runs" hint={parsed.ok ? undefined : <span className="text-failed">{parsed.message}</span>}>
        {(id) => <textarea id={id} rows={5} value={text} onChange={(event) => setDraft(event.target.value)} spellCheck={false} aria-invalid={!parsed.ok} className={`${CONTROL} resize-y py-2 font-mono text-xs leading-relaxed`} />}
      </Labelled>
      <Choice label="When the run before has not ended" value={overlap} options={OVERLAPS} onChange={setOverlap} />
      <Choice label="Times that were missed while no server ran" value={catchUp} options={CATCH_UPS} onChange={setCatchUp} />
      {save.isError && <ErrorBox error={save.error} />}
      <div className="flex justify-end">
        <Button type="submit" kind="primary" icon="clock" busy={save.isPending} disabled={!parsed.ok || name.trim() === ""}>
          {schedule ? "Save" : "Create schedule"}
        </Button>
      </div>
    </form>
  );
}

function Choice<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: [T, string][]; onChange: (value: T) => void }) {
  return (
    <Labelled label={label}>
      {(id) => (
        <Select id={id} value={value} onChange={(event) => onChange(event.target.value as T)} className="w-full">
          {options.map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </Select>
      )}
    </Labelled>
  );
}

type Wanted = Pick<Schedule, "name" | "cron" | "timezone" | "overlap" | "catch_up" | "input_data">;

function useSave(workflow: Workflow, schedule: Schedule | undefined, onDone: () => void) {
  const client = useQueryClient();
  const path = { project_id: workflow.project_id, workflow_id: workflow.id };
  const all = "/projects/{project_id}/workflows/{workflow_id}/schedules" as const;
  return useMutation({
    mutationFn: (body: Wanted) =>
      schedule
        ? data(api.PATCH(`${all}/{schedule_id}`, { params: { path: { ...path, schedule_id: schedule.id } }, body }))
        : data(api.POST(all, { params: { path, header: once() }, body: { ...body, active: true, priority: 0, metadata: {} } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: workflowKeys.part(workflow.project_id, workflow.id, "schedules") });
      onDone();
    },
  });
}
