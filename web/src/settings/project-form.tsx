import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data } from "../api/client";
import { needs, useMay } from "../api/me";
import { keys } from "../api/queries";
import type { Project } from "../api/types";
import { Button } from "../ui/button";
import { CONTROL, Field, Labelled, Select } from "../ui/field";
import { ErrorBox } from "../ui/states";
import { type Keeping, keepingOf, keptOf, mostOf } from "./keeping";
import { projectQuery } from "./project-query";

/** The name of a project, how much of it may run at once, and how long what has ended is kept. */
export function ProjectForm({ project }: { project: Project }) {
  const admin = useMay().may("admin");
  const [name, setName] = useState(project.name);
  const [most, setMost] = useState(project.max_running === null ? "" : String(project.max_running));
  const [runs, setRuns] = useState(keepingOf(project.keep_runs_days));
  const [events, setEvents] = useState(keepingOf(project.keep_events_days));
  const client = useQueryClient();
  const body = { name: name.trim(), max_running: mostOf(most), keep_runs_days: keptOf(runs), keep_events_days: keptOf(events) };
  const complete = body.name !== "" && Object.values(body).every((value) => value !== undefined);
  const save = useMutation({
    mutationFn: () => data(api.PATCH("/projects/{project_id}", { params: { path: { project_id: project.id } }, body })),
    onSuccess: (changed) => {
      client.setQueryData(projectQuery(project.id).queryKey, changed);
      return client.invalidateQueries({ queryKey: keys.projects, exact: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const change = <T,>(set: (value: T) => void) => (value: T) => {
    set(value);
    save.reset();
  };
  return (
    <form onSubmit={submit} className="space-y-5">
      <fieldset disabled={!admin} className="space-y-5">
        <legend className="sr-only">The project</legend>
        <Field label="Name" value={name} maxLength={200} required onChange={(event) => change(setName)(event.target.value)} />
        <Field
          label="Runs at once"
          hint={mostOf(most) === undefined ? <span className="text-failed">A whole number from 1 to 100,000, or nothing.</span> : "More wait in the queue. Empty: any number."}
          inputMode="numeric"
          value={most}
          aria-invalid={mostOf(most) === undefined}
          onChange={(event) => change(setMost)(event.target.value)}
        />
        <Keep label="Keep runs that have ended" keeping={runs} onChange={change(setRuns)} hint="Then they go with their results, node states and logs." />
        <Keep label="Keep their events" keeping={events} onChange={change(setEvents)} hint="The run stays, its log goes; never kept longer than the run." />
      </fieldset>
      {save.isError && <ErrorBox error={save.error} />}
      <div className="flex items-center justify-end gap-3">
        <p role="status" className="text-ink-2">
          {save.isSuccess ? "Saved" : !admin && needs("admin")}
        </p>
        <Button type="submit" kind="primary" busy={save.isPending} needs="admin" disabled={!complete}>
          Save
        </Button>
      </div>
    </form>
  );
}

function Keep({ label, hint, keeping, onChange }: { label: string; hint: string; keeping: Keeping; onChange: (keeping: Keeping) => void }) {
  const wrong = keptOf(keeping) === undefined;
  return (
    <Labelled label={label} hint={wrong ? <span className="text-failed">A number of days, from 0 to 36,500.</span> : hint}>
      {(id) => (
        <div className="flex items-center gap-2">
          <Select id={id} value={keeping.how} onChange={(event) => onChange({ ...keeping, how: event.target.value as Keeping["how"] })} className="w-56">
            <option value="server">As the server says</option>
            <option value="days">For some days</option>
            <option value="forever">For ever</option>
          </Select>
          {keeping.how === "days" && (
            <>
              <input aria-label={`${label}: days`} inputMode="decimal" value={keeping.days} aria-invalid={wrong} onChange={(event) => onChange({ ...keeping, days: event.target.value })} className={`${CONTROL} h-8 !w-24 tabular-nums`} />
              days
            </>
          )}
        </div>
      )}
    </Labelled>
  );
}
