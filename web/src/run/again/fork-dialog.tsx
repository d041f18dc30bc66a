import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useId, useRef, useState } from "react";
import { api, curl, data, freshKey, once } from "../../api/client";
import { paths } from "../../api/paths";
import { keys, versionQuery } from "../../api/queries";
import type { Run } from "../../api/types";
import { Button } from "../../ui/button";
import { CopyButton } from "../../ui/copy-button";
import { Dialog } from "../../ui/dialog";
import { ErrorBox } from "../../ui/states";
import { useSettled } from "../../ui/use-settled";
import type { Choice } from "./choice";
import { type ForkBody, forkBody } from "./fork";
import { JsonArea } from "./json-area";
import { PlanView } from "./plan-view";
import { forkPlanQuery } from "./queries";
import { StartChoice } from "./start-choice";

const PAUSE_MS = 250;
const NOTHING = "null";

interface Props {
  run: Run;
  choice: Choice;
  onChoice: (choice: Choice) => void;
  onClose: () => void;
}

/** A new run that begins with the results of this one. */
export function ForkDialog(props: Props) {
  return (
    <Dialog open onOpenChange={props.onClose} title="Fork this run" description="A new run takes over what this one has completed, and runs the rest. This one stays as it is.">
      <ForkForm {...props} />
    </Dialog>
  );
}

function ForkForm({ run, choice, onChoice }: Props) {
  const graph = useQuery(versionQuery(run.project_id, run.workflow_id, choice.version ?? run.version)).data?.graph;
  const [input, setInput] = useState(() => JSON.stringify(run.input, null, 2));
  const [outputs, setOutputs] = useState("");
  const [execute, setExecute] = useState(true);
  const fork = useFork(run);
  const made = forkBody(run, choice, input, outputs);
  const id = useId();
  const asked = useSettled(JSON.stringify(made.body), PAUSE_MS);
  const plan = useQuery({ ...forkPlanQuery(run.project_id, run.id, run.status, asked), enabled: asked !== NOTHING });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (made.body) fork.mutate({ body: made.body, execute });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <StartChoice run={run} graph={graph} from={choice.from} version={choice.version} otherwise="Behind what has completed" onChange={onChoice} />
      <JsonArea
        label="Input"
        text={input}
        onText={setInput}
        problem={made.problems.input}
        hint={made.body?.input_data === undefined ? "As it was. Change it to start with another one." : "Another input. What is taken over stays as it was: begin at the first node to run everything with it."}
      />
      <details>
        <summary className="cursor-pointer text-xs font-semibold text-ink-2 hover:text-ink">Give outputs of nodes instead of running them</summary>
        <div className="mt-2">
          <JsonArea label="Outputs" text={outputs} onText={setOutputs} problem={made.problems.outputs} hint='JSON by the ids of nodes, such as {"fetch": {"rows": 3}}.' />
        </div>
      </details>
      {plan.isError && <ErrorBox error={plan.error} />}
      {plan.data && !plan.isError && <PlanView deed="fork" plan={plan.data} graph={graph} stale={plan.isPlaceholderData} />}
      <div className="flex items-center gap-2.5">
        <input id={id} type="checkbox" checked={execute} onChange={(event) => setExecute(event.target.checked)} className="size-4 accent-(--accent)" />
        <label htmlFor={id} className="font-medium">
          Start it at once
        </label>
      </div>
      {fork.isError && !plan.isError && <ErrorBox error={fork.error} />}
      <div className="flex flex-wrap items-center justify-end gap-2">
        <CopyButton label="Copy a curl command that does this" text={() => curl("POST", `${paths.run(run.project_id, run.id)}/fork?execute=${execute}`, made.body ?? {})}>
          Copy as curl
        </CopyButton>
        <Button type="submit" kind="primary" icon="fork" needs="runner" busy={fork.isPending} disabled={!made.body}>
          {execute ? "Fork and start" : "Fork"}
        </Button>
      </div>
    </form>
  );
}

function useFork({ project_id: project, id }: Run) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const intent = useRef({ printed: "", key: "" });
  return useMutation({
    mutationFn: async ({ body, execute }: { body: ForkBody; execute: boolean }) => {
      const printed = JSON.stringify([body, execute]);
      // One key for one intent: pressing again after a lost answer makes no second fork.
      if (intent.current.printed !== printed) intent.current = { printed, key: freshKey() };
      const params = { path: { project_id: project, run_id: id }, query: { execute }, header: once(intent.current.key) };
      return (await data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/fork", { params, body }))) as Run;
    },
    onSuccess: async (made) => {
      void client.invalidateQueries({ queryKey: keys.runs(project) });
      await navigate({ to: "/projects/$project/runs/$run", params: { project, run: made.id } });
    },
  });
}
