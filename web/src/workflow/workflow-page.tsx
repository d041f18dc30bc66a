import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { workflowQuery } from "../api/workflow";
import type { Workflow } from "../api/types";
import { warmUp } from "../graph/engine";
import { Failed, Skeleton } from "../ui/states";
import { GraphPicture } from "./graph-picture";
import { Hooks } from "./hooks";
import { LatestRuns } from "./latest-runs";
import type { Part } from "./parts";
import { Schedules } from "./schedules";
import { Triggers } from "./triggers";
import { Versions } from "./versions";
import { WorkflowHead } from "./workflow-head";

export function WorkflowPage() {
  const { project, workflow } = useParams({ from: "/projects/$project/workflows/$workflow" });
  const found = useQuery(workflowQuery(project, workflow));
  useEffect(warmUp, []);
  if (found.isPending) return <Skeleton />;
  if (!found.data) return <Failed error={found.error} retry={() => void found.refetch()} what="this workflow" />;
  return <Loaded workflow={found.data} />;
}

const NAMES: Record<Part, string> = { graph: "Graph", versions: "Versions", schedules: "Schedules", triggers: "Webhooks in", hooks: "Webhooks out" };

function Loaded({ workflow }: { workflow: Workflow }) {
  const { part = "graph" } = useSearch({ from: "/projects/$project/workflows/$workflow" });
  return (
    <>
      <title>{`${workflow.name} · Graphwright`}</title>
      <WorkflowHead workflow={workflow} />
      <nav aria-label="Parts of the workflow" className="flex shrink-0 gap-1 overflow-x-auto border-b border-line px-4">
        {Object.entries(NAMES).map(([key, name]) => (
          <Link
            key={key}
            from="/projects/$project/workflows/$workflow"
            search={key === "graph" ? {} : { part: key as Part }}
            replace
            aria-current={key === part ? "page" : undefined}
            className={`border-b-2 px-2.5 py-2 font-medium whitespace-nowrap -outline-offset-2 ${key === part ? "border-accent text-ink" : "border-transparent text-ink-2 hover:text-ink"}`}
          >
            {name}
          </Link>
        ))}
      </nav>
      {part === "graph" && (
        <>
          <GraphPicture graph={workflow.graph} />
          <LatestRuns project={workflow.project_id} workflow={workflow.id} />
        </>
      )}
      {part === "versions" && <Versions workflow={workflow} />}
      {part === "schedules" && <Schedules workflow={workflow} />}
      {part === "triggers" && <Triggers workflow={workflow} />}
      {part === "hooks" && <Hooks workflow={workflow} />}
    </>
  );
}
