import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useMay } from "../api/me";
import { workflowsQuery } from "../api/queries";
import type { Workflow } from "../api/types";
import { preloadStart, Start } from "../runs/start";
import { Button } from "../ui/button";
import { PageHead } from "../ui/page-head";
import { Empty, Failed, Skeleton } from "../ui/states";
import { ago, clock } from "../ui/time";
import { useNow } from "../ui/use-now";
import { GraphGlyph } from "./graph-glyph";
import { NewWorkflow } from "./new-workflow";
import { Templates } from "./templates";

export function WorkflowsPage() {
  const { project } = useParams({ from: "/projects/$project/workflows" });
  const workflows = useQuery({ ...workflowsQuery(project), refetchInterval: 15_000 });
  const [starting, setStarting] = useState<string | null>(null);
  return (
    <>
      <title>Workflows · Graphwright</title>
      <PageHead title="Workflows">
        <NewWorkflow project={project} kind="primary">
          New workflow
        </NewWorkflow>
      </PageHead>
      {workflows.isPending && <Skeleton />}
      {workflows.isError && !workflows.data && (
        <Failed error={workflows.error} retry={() => void workflows.refetch()} what="the workflows" />
      )}
      {workflows.data?.length === 0 && (
        <Empty icon="workflows" title="No workflows yet">
          Take a template and run it, draw a graph of your own, or store one over the API.
        </Empty>
      )}
      {workflows.data && workflows.data.length > 0 && (
        <ul aria-label="Workflows" className="mb-8">
          {workflows.data.map((workflow) => (
            <WorkflowRow key={workflow.id} project={project} workflow={workflow} onStart={() => setStarting(workflow.id)} />
          ))}
        </ul>
      )}
      {workflows.data && <Templates project={project} />}
      {starting && <Start project={project} workflow={starting} onClose={() => setStarting(null)} />}
    </>
  );
}

function WorkflowRow({ project, workflow, onStart }: { project: string; workflow: Workflow; onStart: () => void }) {
  const now = useNow(30_000);
  const open = useMay().may("editor") ? "Edit" : "Open";
  return (
    <li className="flex items-center gap-5 border-b border-line px-5 py-3.5">
      <div className="hidden w-44 shrink-0 sm:block">
        <GraphGlyph graph={workflow.graph} />
      </div>
      <div className="min-w-0 grow">
        <h2 className="truncate font-semibold">
          <Link to="/projects/$project/workflows/$workflow" params={{ project, workflow: workflow.id }} className="hover:underline">
            {workflow.name}
          </Link>
        </h2>
        {workflow.description && <p className="truncate text-ink-2">{workflow.description}</p>}
        <p className="mt-0.5 text-xs text-ink-3">
          v{workflow.version} · {workflow.graph.nodes.length} {workflow.graph.nodes.length === 1 ? "node" : "nodes"} · changed{" "}
          <time dateTime={workflow.updated_at} title={clock(workflow.updated_at)}>
            {ago(workflow.updated_at, now)}
          </time>
          {!workflow.active && " · not active"}
        </p>
      </div>
      <Link to="/projects/$project/runs" params={{ project }} search={{ workflow: workflow.id }} className="hidden shrink-0 rounded-lg px-2 py-1 font-medium text-ink-2 hover:bg-hover hover:text-ink sm:block">
        Runs
      </Link>
      <Link to="/projects/$project/workflows/$workflow/edit" params={{ project, workflow: workflow.id }} aria-label={`${open} ${workflow.name}`} className="hidden shrink-0 rounded-lg px-2 py-1 font-medium text-ink-2 hover:bg-hover hover:text-ink sm:block">
        {open}
      </Link>
      <Button icon="runs" needs="runner" disabled={!workflow.active} title={workflow.active ? undefined : "It is not active."} onPointerEnter={preloadStart} onClick={onStart} aria-label={`Start a run of ${workflow.name}`}>
        Start
      </Button>
    </li>
  );
}
