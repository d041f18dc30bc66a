import type { Worker } from "../api/types";
import { CopyButton } from "../ui/copy-button";
import { ago, between, clock, span } from "../ui/time";
import { useNow } from "../ui/use-now";

const START = "graphwright worker";

export function WorkerTable({ workers }: { workers: readonly Worker[] }) {
  const now = useNow(1_000);
  if (workers.length === 0) {
    return (
      <div className="rounded-xl border border-dashed border-line-strong px-4 py-4">
        <p className="mb-2 text-ink-2">No worker is there, so nothing runs. Start one on this machine or on any other with the same database:</p>
        <p className="flex items-center gap-2">
          <code className="rounded-lg border border-line bg-sunken px-2.5 py-1 font-mono text-xs">{START}</code>
          <CopyButton text={() => START} label="Copy the command" />
        </p>
      </div>
    );
  }
  return (
    <ul aria-label="Workers" className="divide-y divide-line overflow-hidden rounded-xl border border-line shadow-card">
      {workers.map((worker) => (
        <li key={worker.id} data-worker={worker.state} className="flex flex-wrap items-center gap-x-5 gap-y-1.5 px-4 py-2.5">
          <State worker={worker} />
          <span className="min-w-0 grow basis-40">
            <span className="block truncate font-medium">{worker.hostname}</span>
            <span className="text-xs text-ink-3">
              process {worker.pid} · up <time dateTime={worker.started_at} title={clock(worker.started_at)}>{span(between(worker.started_at, worker.state === "alive" ? null : worker.heartbeat_at, now) ?? 0)}</time>
            </span>
          </span>
          <span className="flex flex-wrap gap-1">
            {worker.queues.map((queue) => (
              <code key={queue} className="rounded-md border border-line px-1.5 font-mono text-xs text-ink-2">
                {queue}
              </code>
            ))}
          </span>
          <Busy worker={worker} />
          <span className="text-xs text-ink-3 sm:w-28 sm:text-right" title={clock(worker.heartbeat_at)}>
            heard {ago(worker.heartbeat_at, now)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function State({ worker }: { worker: Worker }) {
  const alive = worker.state === "alive";
  return (
    <span data-status={alive ? "COMPLETED" : "FAILED"} title={alive ? undefined : `Silent for more than ${worker.lost_seconds} s: its runs go on elsewhere`} className="inline-flex items-center gap-1.5 rounded-full bg-(--st-soft) px-2.5 py-[3px] text-xs font-medium text-(--st)">
      <span aria-hidden className={`size-1.5 rounded-full bg-(--st) ${alive ? "" : "ring-2 ring-(--st)/30"}`} />
      {alive ? "Alive" : "Silent"}
    </span>
  );
}

function Busy({ worker: { running, concurrency, state } }: { worker: Worker }) {
  const shown = state === "alive" ? running : 0;
  return (
    <span className="flex w-36 items-center gap-2.5">
      <span role="meter" aria-valuemin={0} aria-valuemax={concurrency} aria-valuenow={shown} aria-label="Executions" className="h-[5px] grow overflow-hidden rounded-full bg-hover">
        <span className="block h-full rounded-full bg-(--st-running)" style={{ width: `${Math.min(100, (shown / Math.max(1, concurrency)) * 100)}%` }} />
      </span>
      <span className="text-xs text-ink-2 tabular-nums">
        {shown}/{concurrency}
      </span>
    </span>
  );
}
