import { Link } from "@tanstack/react-router";
import { ENDED, type RunSummary } from "../api/types";
import { ProgressBar } from "../ui/progress-bar";
import { StatusBadge } from "../ui/status";
import { ago, between, clock, localTimes, span } from "../ui/time";

export const COLUMNS = "grid grid-cols-[6.75rem_minmax(0,1fr)_5rem] md:grid-cols-[7.5rem_minmax(0,1fr)_13rem_7rem_6rem] items-center gap-x-3 px-3 md:gap-x-5 md:px-5";

/** One run in a list. */
export function RunRow({ project, run, now }: { project: string; run: RunSummary; now: number }) {
  const started = run.started_at ?? run.created_at;
  const took = between(run.started_at, run.finished_at, now);
  return (
    <Link
      to="/projects/$project/runs/$run"
      params={{ project, run: run.id }}
      data-run={run.id}
      data-status-of={run.status}
      className={`${COLUMNS} h-full border-b border-line -outline-offset-2 hover:bg-hover/60`}
    >
      <span>
        <StatusBadge status={run.status} />
      </span>
      <span className="min-w-0">
        <span className="block truncate font-medium">{run.workflow_name}</span>
        <span className="block truncate text-xs text-ink-3">
          <span className="font-mono">{run.id.slice(-8)}</span> · v{run.version}
          {run.reason ? ` · ${localTimes(run.reason.message)}` : run.error ? ` · ${run.error.message}` : ""}
        </span>
      </span>
      <span className="hidden items-center gap-3 md:flex">
        <ProgressBar progress={run.progress} live={!ENDED.has(run.status)} />
        <span className="w-14 shrink-0 text-right text-xs text-ink-2 tabular-nums">
          {run.progress.completed + run.progress.skipped}/{run.progress.total}
        </span>
      </span>
      <time dateTime={started} title={clock(started)} className="hidden text-ink-2 md:block">
        {ago(started, now)}
      </time>
      <span className="text-right whitespace-nowrap text-ink-2 tabular-nums">{took === null ? "–" : span(took)}</span>
    </Link>
  );
}
