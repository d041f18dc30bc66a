import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, data, once } from "../api/client";
import { keys } from "../api/queries";
import { ENDED, type Progress, type Run } from "../api/types";
import type { Connection, RunStore } from "../stream/run-store";
import { statusOf } from "../stream/state";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { LiveBadge } from "../ui/live-badge";
import { ProgressBar } from "../ui/progress-bar";
import { ErrorBox } from "../ui/states";
import { StatusBadge } from "../ui/status";
import { ago, between, clock, span } from "../ui/time";
import { useNow } from "../ui/use-now";
import { preloadRetry } from "./again/dialogs";
import { NewerVersion } from "./again/newer-version";
import { NowError, NowLine, type NowLineProps, useNowLine } from "./now-line";
import { ForkChip, ParentCrumbs } from "./origin";
import { useRunScope, useStore } from "./run-context";
import { RunMenu } from "./run-menu";

export function RunHead({ run, connection }: { run: Run; connection: Connection }) {
  const { project, store, ask } = useRunScope();
  const heard = useStore(store, (known) => known.lastHeard);
  const cancel = useCancel(run);
  const stopped = run.status === "FAILED" || run.status === "CANCELLED";
  const { error: nowError, ...now } = useNowLine(run);
  return (
    <header className="shrink-0 border-b border-line">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-5 pt-3">
        <nav aria-label="Breadcrumb" className="flex min-w-0 items-center gap-2">
          <Link to="/projects/$project/runs" params={{ project }} className="text-ink-3 hover:text-ink">
            Runs
          </Link>
          <Icon name="chevron" size={11} className="text-ink-3" />
          <ParentCrumbs run={run} />
          <h1 className="truncate text-[15px] font-semibold">{run.workflow_name}</h1>
        </nav>
        <span className="rounded-md border border-line px-1.5 py-px text-xs text-ink-2">v{run.version}</span>
        <ForkChip run={run} />
        <StatusBadge status={run.status} note={run.attempt > 1 ? `attempt ${run.attempt}` : undefined} />
        <Freshness connection={connection} heard={heard} />
        <div className="ml-auto flex flex-wrap gap-2">
          {stopped && (
            <Button icon="retry" needs="runner" onPointerEnter={preloadRetry} onClick={() => ask("retry")}>
              Retry
            </Button>
          )}
          {!ENDED.has(run.status) && (
            <Button kind="danger" icon="stop" needs="runner" busy={cancel.isPending || cancel.isSuccess} onClick={() => cancel.mutate()}>
              {cancel.isPending || cancel.isSuccess ? "Cancel requested" : "Cancel"}
            </Button>
          )}
          <RunMenu run={run} waiting={now.waiting} />
        </div>
      </div>
      <Facts run={run} now={now} />
      <NowError error={nowError} />
      {cancel.error && (
        <div className="px-5 pb-3">
          <ErrorBox error={cancel.error} />
        </div>
      )}
      {stopped && <NewerVersion run={run} onRetry={(version) => ask("retry", { version })} />}
    </header>
  );
}

const CUT: ReadonlySet<Connection> = new Set(["resuming", "stale", "refused"]);

/** How fresh what one sees is, and of when it is while the connection is cut. */
function Freshness({ connection, heard }: { connection: Connection; heard: number | null }) {
  const cut = heard !== null && CUT.has(connection);
  const now = useNow(1000, cut);
  const at = heard === null ? undefined : new Date(heard).toISOString();
  return <LiveBadge state={connection} title={at && `Last heard of the server ${clock(at)}`} note={cut ? `as of ${ago(at!, now)}` : undefined} />;
}

function Facts({ run, now: line }: { run: Run; now: Omit<NowLineProps, "run"> }) {
  const { store, graph } = useRunScope();
  const ended = ENDED.has(run.status);
  const now = useNow(200, !ended);
  const progress = useProgress(store, graph.nodes);
  const done = progress.completed + progress.failed + progress.skipped;
  const took = between(run.started_at, run.finished_at, now);
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-0.5 px-5 pt-2 pb-2 text-xs xl:pt-1 text-ink-2">
      <div className="w-24 sm:w-40 md:w-48">
        <ProgressBar progress={progress} live={!ended} tall />
      </div>
      <span className="tabular-nums">
        {done} of {progress.total} nodes
        {progress.running > 0 && ` · ${progress.running} running`}
        {progress.waiting > 0 && ` · ${progress.waiting} waiting`}
        {progress.failed > 0 && ` · ${progress.failed} failed`}
        {progress.skipped > 0 && ` · ${progress.skipped} skipped`}
      </span>
      <span className="tabular-nums" title="Time since the run started">
        {took === null ? "not started" : span(took)}
      </span>
      <NowLine run={run} {...line} ended={ended} />
      {line.said === "" && <Made run={run} />}
    </div>
  );
}

function Made({ run }: { run: Run }) {
  return (
    <span className="hidden items-center gap-x-5 xl:flex">
      <time dateTime={run.created_at}>{clock(run.created_at)}</time>
      <span className="font-mono text-[11px] text-ink-3">{run.id}</span>
    </span>
  );
}

function useProgress(store: RunStore, nodes: readonly { id: string }[]): Progress & { waiting: number } {
  useStore(store, (known) => known.version);
  const count = { total: nodes.length, completed: 0, running: 0, failed: 0, skipped: 0, waiting: 0, percentage: 0 };
  for (const { id } of nodes) {
    const status = statusOf(store.node(id));
    if (status === "COMPLETED") count.completed += 1;
    else if (status === "FAILED") count.failed += 1;
    else if (status === "SKIPPED") count.skipped += 1;
    else if (status === "RUNNING" || status === "RETRYING") count.running += 1;
    else if (status === "WAITING") count.waiting += 1;
  }
  return count;
}

/** Asks for something; what comes of it is told by the server's events, never assumed. */
function useCancel(run: Run) {
  const { project, runId } = useRunScope();
  const client = useQueryClient();
  return useMutation({
    mutationKey: ["cancel", runId, run.attempt],
    mutationFn: () => {
      const params = { path: { project_id: project, run_id: runId }, header: once() };
      return data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/cancel", { params }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.run(project, runId), exact: true }),
  });
}
