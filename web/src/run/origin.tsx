import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { runQuery } from "../api/queries";
import type { Run } from "../api/types";
import { clock } from "../ui/time";
import { Icon } from "../ui/icons";

interface ToRun {
  project: string;
  run: string;
  node?: string | null | undefined;
  iteration?: number | null | undefined;
  className?: string;
  children: ReactNode;
}

export function RunLink({ project, run, node, iteration, className = "text-accent hover:underline", children }: ToRun) {
  const search = { ...(node ? { node } : {}), ...(node && iteration ? { iteration } : {}) };
  return (
    <Link to="/projects/$project/runs/$run" params={{ project, run }} search={search} className={className}>
      {children}
    </Link>
  );
}

/** The run and the node that have started this one, as steps of the breadcrumb. */
export function ParentCrumbs({ run }: { run: Run }) {
  const parent = useQuery({ ...runQuery(run.project_id, run.parent_run_id ?? ""), enabled: run.parent_run_id !== null }).data;
  if (run.parent_run_id === null) return null;
  const { project_id: project, parent_run_id: id, parent_node_id: node, parent_iteration: iteration } = run;
  const look = "min-w-0 max-w-52 truncate text-ink-3 hover:text-ink";
  return (
    <>
      <RunLink project={project} run={id} className={look}>
        {parent?.workflow_name ?? "Parent run"}
      </RunLink>
      <Icon name="chevron" size={11} className="text-ink-3" />
      {node && (
        <>
          <RunLink project={project} run={id} node={node} iteration={iteration} className={look}>
            {node}
          </RunLink>
          <Icon name="chevron" size={11} className="text-ink-3" />
        </>
      )}
    </>
  );
}

export function ForkChip({ run }: { run: Run }) {
  if (run.forked_from === null) return null;
  return (
    <RunLink
      project={run.project_id}
      run={run.forked_from}
      className="inline-flex items-center gap-1 rounded-md border border-line px-1.5 py-px text-xs text-ink-2 hover:bg-hover hover:text-ink"
    >
      <Icon name="fork" size={12} />
      Fork of <span className="font-mono text-[11px]">{shortId(run.forked_from)}</span>
    </RunLink>
  );
}

/** Where a run comes from, as facts. */
export function originFacts(run: Run): [string, ReactNode][] {
  const facts: [string, ReactNode][] = [];
  if (run.parent_run_id !== null) {
    const { project_id: project, parent_run_id: id, parent_node_id: node, parent_iteration: iteration } = run;
    facts.push(["Parent", <RunLink key="parent" project={project} run={id} node={node} iteration={iteration}>{node ? `${node} in run ${shortId(id)}` : `run ${shortId(id)}`}</RunLink>]);
  }
  if (run.forked_from !== null) facts.push(["Fork of", <RunLink key="fork" project={run.project_id} run={run.forked_from}>run {shortId(run.forked_from)}</RunLink>]);
  return facts;
}

/** Such a queue belongs to one process, and says nothing to people. */
const OWN = "local-";

/** Who has started a run, where it was put, and how urgent it is; what is as always is left out. */
export function handlingFacts({ trigger, queue, priority }: Run): [string, ReactNode][] {
  const facts: [string, ReactNode][] = [];
  if (trigger !== null) facts.push(["Started by", startedBy(trigger)]);
  if (queue !== "default" && !queue.startsWith(OWN)) facts.push(["Queue", <code key="queue" className="font-mono text-xs">{queue}</code>]);
  if (priority !== 0) facts.push(["Priority", String(priority)]);
  return facts;
}

function startedBy({ type, manual, scheduled_for: at }: NonNullable<Run["trigger"]>): string {
  if (type === "webhook") return "a webhook";
  if (manual === true) return "its schedule, fired by hand";
  return at ? `its schedule, due ${clock(at)}` : "its schedule";
}

/** Ids begin with the time at which they were made, so runs of one moment differ at the end. */
export function shortId(id: string): string {
  return `…${id.slice(-8)}`;
}
