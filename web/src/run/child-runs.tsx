import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { childrenQuery } from "../api/queries";
import type { GraphNode, RunSummary } from "../api/types";
import type { Lap } from "../stream/state";
import { StatusBadge } from "../ui/status";
import { RunLink, shortId } from "./origin";
import { useRunScope } from "./run-context";

const SHOWN = 20;

/** Whether a node starts runs of its own, by itself or for its items. */
export function startsRuns(node: GraphNode): boolean {
  const inner = node.config?.node;
  const innerType = typeof inner === "object" && inner !== null && "type" in inner ? inner.type : null;
  return node.type === "subworkflow" || (node.type === "map" && (node.config?.workflow !== undefined || innerType === "subworkflow"));
}

/** The runs that one turn of a node has started, newest first; what is inside stands in for them until they are known. */
export function ChildRuns({ node, lap, children: instead }: { node: string; lap: Lap; children?: ReactNode }) {
  const { project, runId } = useRunScope();
  const children = useQuery(childrenQuery(project, runId, node, lap.iteration, lap.status, lap.attempt)).data ?? [];
  if (children.length === 0) return instead;
  return (
    <>
      <ul className="space-y-1.5">
        {children.slice(0, SHOWN).map((run) => (
          <Child key={run.id} run={run} />
        ))}
      </ul>
      {children.length > SHOWN && <p className="mt-1.5 text-xs text-ink-2">and more</p>}
    </>
  );
}

function Child({ run }: { run: RunSummary }) {
  return (
    <li>
      <RunLink project={run.project_id} run={run.id} className="flex items-center gap-2 rounded-lg border border-line bg-raised px-3 py-1.5 shadow-card hover:bg-hover">
        <span className="min-w-0 truncate font-medium">{run.workflow_name}</span>
        <span className="shrink-0 font-mono text-[11px] text-ink-3">{shortId(run.id)}</span>
        <span className="ml-auto">
          <StatusBadge status={run.status} />
        </span>
      </RunLink>
    </li>
  );
}
