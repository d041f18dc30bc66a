import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { runsQuery, workflowsQuery } from "../api/queries";
import { RUN_STATUSES } from "../api/types";
import { Button } from "../ui/button";
import { Select } from "../ui/field";
import { LiveBadge } from "../ui/live-badge";
import { PageHead } from "../ui/page-head";
import { Empty, Failed, Skeleton } from "../ui/states";
import { statusWord } from "../ui/status";
import { NewWorkflow } from "../workflows/new-workflow";
import { Templates } from "../workflows/templates";
import { RunTable } from "./run-table";
import { preloadStart, Start } from "./start";
import { useLiveRuns } from "./use-live-runs";

export function RunsPage() {
  const { project } = useParams({ from: "/projects/$project/runs" });
  const filter = useSearch({ from: "/projects/$project/runs" });
  const [starting, setStarting] = useState(false);
  const runs = useInfiniteQuery(runsQuery(project, filter));
  const connection = useLiveRuns(project, filter);
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = filter.status !== undefined || filter.workflow !== undefined;

  return (
    <>
      <title>Runs · Graphwright</title>
      <PageHead title="Runs" badge={<LiveBadge state={connection} />}>
        <Button kind="primary" icon="runs" needs="runner" onPointerEnter={preloadStart} onClick={() => setStarting(true)}>
          Start run
        </Button>
      </PageHead>
      {(items.length > 0 || filtered) && <Filters project={project} />}
      {runs.isPending && <Skeleton rows={8} />}
      {runs.isError && !runs.data && (
        <Failed error={runs.error} retry={() => void runs.refetch()} what="the runs" />
      )}
      {items.length > 0 && <RunTable project={project} runs={items} more={runs.hasNextPage} loading={runs.isFetchingNextPage} onMore={() => void runs.fetchNextPage()} />}
      {runs.data && items.length === 0 && (filtered ? <NoMatch /> : <FirstSteps project={project} />)}
      {starting && <Start project={project} onClose={() => setStarting(false)} />}
    </>
  );
}

function Filters({ project }: { project: string }) {
  const filter = useSearch({ from: "/projects/$project/runs" });
  const navigate = useNavigate({ from: "/projects/$project/runs" });
  const workflows = useQuery(workflowsQuery(project));
  const set = (name: "status" | "workflow", value: string) =>
    void navigate({ search: (before) => ({ ...before, [name]: value === "" ? undefined : value }), replace: true });
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line px-5 py-2.5">
      <Select aria-label="Status" value={filter.status ?? ""} onChange={(event) => set("status", event.target.value)} className="w-36 sm:w-40">
        <option value="">All statuses</option>
        {RUN_STATUSES.map((status) => (
          <option key={status} value={status}>
            {statusWord(status)}
          </option>
        ))}
      </Select>
      <Select aria-label="Workflow" value={filter.workflow ?? ""} onChange={(event) => set("workflow", event.target.value)} className="w-40 min-w-0 grow sm:w-56 sm:grow-0">
        <option value="">All workflows</option>
        {workflows.data?.map((workflow) => (
          <option key={workflow.id} value={workflow.id}>
            {workflow.name}
          </option>
        ))}
      </Select>
    </div>
  );
}

function NoMatch() {
  const navigate = useNavigate({ from: "/projects/$project/runs" });
  return (
    <Empty icon="search" title="No run matches">
      <Button className="mt-3" onClick={() => void navigate({ search: {} })}>
        Show all runs
      </Button>
    </Empty>
  );
}

function FirstSteps({ project }: { project: string }) {
  const workflows = useQuery(workflowsQuery(project));
  const none = workflows.data?.length === 0;
  return (
    <>
      <Empty icon="runs" title={none ? "Nothing here yet: run something" : "No runs yet"}>
        <p>{none ? "Run one of these templates and watch it, step by step. It stays here as a workflow of yours, to be changed." : "Start one of your workflows, or take a template to see one from start to end."}</p>
        <p className="mt-3 flex flex-wrap justify-center gap-2">
          <NewWorkflow project={project} kind="plain">
            Draw a graph of your own
          </NewWorkflow>
        </p>
      </Empty>
      <Templates project={project} />
    </>
  );
}
