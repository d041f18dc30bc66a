import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api, data, freshKey, once } from "../api/client";
import { keys, templatesQuery, workflowsQuery } from "../api/queries";
import type { Json, Run } from "../api/types";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { CONTROL, Labelled, Select } from "../ui/field";
import { ErrorBox, Skeleton } from "../ui/states";
import { Templates } from "../workflows/templates";
import { exampleInput, parseInput } from "./example-input";

interface Props {
  project: string;
  workflow?: string | undefined;
  onClose: () => void;
}

export function StartDialog({ project, workflow, onClose }: Props) {
  return (
    <Dialog open onOpenChange={onClose} title="Start a run" description="The run is pinned to the version that is active now.">
      <StartForm project={project} workflow={workflow} />
    </Dialog>
  );
}

function StartForm({ project, workflow }: { project: string; workflow: string | undefined }) {
  const workflows = useQuery(workflowsQuery(project));
  const templates = useQuery(templatesQuery());
  const [picked, setPicked] = useState(workflow);
  const [draft, setDraft] = useState<string | null>(null);
  const [step, setStep] = useState(false);
  const chosen = workflows.data?.find((item) => item.id === picked) ?? workflows.data?.[0];
  const text = draft ?? JSON.stringify(chosen ? exampleInput(chosen, templates.data?.items ?? []) : {}, null, 2);
  const parsed = parseInput(text);
  const start = useStart(project);

  if (workflows.isPending) return <Skeleton rows={3} />;
  if (workflows.isError) return <ErrorBox error={workflows.error} retry={() => void workflows.refetch()} />;
  if (!chosen) return <Templates project={project} compact />;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (parsed.ok) start.mutate({ workflow: chosen.id, input: parsed.value, step });
  };
  const pick = (id: string) => {
    setPicked(id);
    setDraft(null);
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Labelled label="Workflow">
        {(id) => (
          <Select id={id} value={chosen.id} onChange={(event) => pick(event.target.value)} className="w-full">
            {workflows.data.map((item) => (
              <option key={item.id} value={item.id}>
                {item.name} (v{item.version})
              </option>
            ))}
          </Select>
        )}
      </Labelled>
      <Labelled label="Input" hint={parsed.ok ? "JSON. In the graph it is called “input”." : <span className="text-failed">{parsed.message}</span>}>
        {(id) => (
          <textarea
            id={id}
            value={text}
            onChange={(event) => setDraft(event.target.value)}
            rows={Math.min(16, Math.max(6, text.split("\n").length + 1))}
            spellCheck={false}
            aria-invalid={!parsed.ok}
            className={`${CONTROL} resize-y py-2 font-mono text-xs leading-relaxed`}
          />
        )}
      </Labelled>
      <div className="flex items-start gap-2.5">
        <input id="step" type="checkbox" checked={step} aria-describedby="step-note" onChange={(event) => setStep(event.target.checked)} className="mt-0.5 size-4 accent-(--accent)" />
        <div>
          <label htmlFor="step" className="block font-medium">
            Step through
          </label>
          <p id="step-note" className="text-xs text-ink-2">
            Stops before every node and shows the input that it would get.
          </p>
        </div>
      </div>
      {start.isError && <ErrorBox error={start.error} />}
      <div className="flex justify-end">
        <Button type="submit" kind="primary" icon="runs" needs="runner" busy={start.isPending} disabled={!parsed.ok}>
          Start run
        </Button>
      </div>
    </form>
  );
}

function useStart(project: string) {
  const client = useQueryClient();
  const navigate = useNavigate();
  // One key for one intent: pressing again after a lost answer gives the same run. A changed input is another intent.
  const intent = useRef({ body: "", key: "" });
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => void (mounted.current = false);
  }, []);
  return useMutation({
    mutationFn: async ({ workflow, input, step }: { workflow: string; input: Json; step: boolean }) => {
      const body = { workflow_id: workflow, input_data: input };
      const printed = JSON.stringify([body, step]);
      if (intent.current.body !== printed) intent.current = { body: printed, key: freshKey() };
      const { key } = intent.current;
      const params = { path: { project_id: project }, query: { execute: !step }, header: once(key) };
      const run = await data(api.POST("/projects/{project_id}/workflows/runs", { params, body }));
      return step ? stepThrough(run, once(`${key}-execute`)) : run;
    },
    onSuccess: async (run) => {
      intent.current = { body: "", key: "" };
      client.setQueryData(keys.run(project, run.id), run);
      void client.invalidateQueries({ queryKey: keys.runs(project) });
      if (mounted.current) await navigate({ to: "/projects/$project/runs/$run", params: { project, run: run.id } });
    },
  });
}

function stepThrough(run: Run, header: ReturnType<typeof once>): Promise<Run> {
  const params = { path: { project_id: run.project_id, run_id: run.id }, header };
  return data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/execute", { params, body: { mode: "step" } }));
}
