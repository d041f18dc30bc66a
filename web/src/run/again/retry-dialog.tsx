import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { api, curl, data, freshKey, once } from "../../api/client";
import { paths } from "../../api/paths";
import { keys, versionQuery } from "../../api/queries";
import type { Json, Run } from "../../api/types";
import { Button } from "../../ui/button";
import { CopyButton } from "../../ui/copy-button";
import { Dialog } from "../../ui/dialog";
import { ErrorBox, Skeleton } from "../../ui/states";
import type { Choice } from "./choice";
import { PlanView } from "./plan-view";
import { restartQuery, type Wanted } from "./queries";
import { StartChoice } from "./start-choice";

interface Props {
  run: Run;
  choice: Choice;
  onChoice: (choice: Choice) => void;
  onClose: () => void;
  onDone: () => void;
}

/** Goes on with a run that has failed or was cancelled, after one has seen what that will do. */
export function RetryDialog(props: Props) {
  return (
    <Dialog
      open
      onOpenChange={props.onClose}
      title="Retry this run"
      description="It goes on with the results that it has. This is what the server would do."
    >
      <RetryForm {...props} />
    </Dialog>
  );
}

function RetryForm({ run, choice, onChoice, onDone }: Props) {
  const { project_id: project, workflow_id: workflow } = run;
  const wanted: Wanted = { ...(choice.from ? { from_node: choice.from } : {}), ...(choice.version ? { version: choice.version } : {}) };
  const graph = useQuery(versionQuery(project, workflow, choice.version ?? run.version)).data?.graph;
  const plan = useQuery(restartQuery(project, run.id, run.attempt, wanted));
  const retry = useRetry(run, onDone);
  const nothing = plan.data !== undefined && plan.data.runs.length + plan.data.undecided.length === 0;
  return (
    <div className="space-y-4">
      <StartChoice run={run} graph={graph} from={choice.from} version={choice.version} otherwise="Where it stopped" onChange={onChoice} />
      {plan.isPending && <Skeleton rows={3} />}
      {plan.isError && <ErrorBox error={plan.error} retry={() => void plan.refetch()} />}
      {plan.data && !plan.isError && <PlanView deed="retry" plan={plan.data} graph={graph} stale={plan.isPlaceholderData} />}
      {nothing && !plan.isError && <p className="text-ink-2">Nothing is left to run: the run ends with the results that it has.</p>}
      {retry.isError && <ErrorBox error={retry.error} />}
      <div className="flex flex-wrap items-center justify-end gap-2">
        <CopyButton label="Copy a curl command that does this" text={() => curl("POST", `${paths.run(project, run.id)}/retry`, wanted as Json)}>
          Copy as curl
        </CopyButton>
        <Button kind="primary" icon="retry" needs="runner" busy={retry.isPending} disabled={plan.isPlaceholderData || !plan.isSuccess} onClick={() => retry.mutate(wanted)}>
          {choice.version ? `Retry on v${choice.version}` : "Retry now"}
        </Button>
      </div>
    </div>
  );
}

function useRetry({ project_id: project, id }: Run, onDone: () => void) {
  const client = useQueryClient();
  const key = useRef({ body: "", key: "" });
  return useMutation({
    mutationFn: (wanted: Wanted) => {
      const body = JSON.stringify(wanted);
      // One key for one intent: pressing again after a lost answer does not retry twice.
      if (key.current.body !== body) key.current = { body, key: freshKey() };
      const params = { path: { project_id: project, run_id: id }, header: once(key.current.key) };
      return data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/retry", { params, body: wanted }));
    },
    onSuccess: onDone,
    onSettled: () => client.invalidateQueries({ queryKey: keys.run(project, id), exact: true }),
  });
}
