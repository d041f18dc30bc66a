import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Stats } from "../api/types";
import { LiveBadge } from "../ui/live-badge";
import { PageHead } from "../ui/page-head";
import { Failed, Skeleton } from "../ui/states";
import { Failures } from "./failures";
import { QueueTable } from "./queue-table";
import { WorkerTable } from "./worker-table";
import { statsQuery } from "./workers-query";
import { span } from "../ui/time";

/** Who executes runs, what waits for them, and how it goes. */
export function WorkersPage() {
  const stats = useQuery(statsQuery());
  const state = stats.isError ? "stale" : stats.data ? "live" : "connecting";
  return (
    <>
      <title>Workers · Graphwright</title>
      <PageHead title="Workers and queues" badge={<LiveBadge state={state} title="Asked for every three seconds" />} />
      {stats.isPending && <Skeleton />}
      {stats.isError && !stats.data && <Failed error={stats.error} retry={() => void stats.refetch()} what="the workers" />}
      {stats.data && <Figures stats={stats.data} />}
    </>
  );
}

function Figures({ stats }: { stats: Stats }) {
  const alive = stats.workers.list.filter((worker) => worker.state === "alive");
  const busy = alive.reduce((sum, worker) => sum + worker.running, 0);
  const room = alive.reduce((sum, worker) => sum + worker.concurrency, 0);
  const { median_ms, p95_ms } = stats.durations;
  return (
    <div className="mx-auto w-full max-w-5xl space-y-7 px-5 py-5">
      <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Figure name="Workers alive" value={alive.length} note={alive.length === 0 ? "nothing runs" : `${busy} of ${room} places busy`} bad={alive.length === 0} />
        <Figure name="Waiting in queues" value={stats.queue.depth.toLocaleString()} note={stats.queue.scheduled ? `${stats.queue.scheduled} more at their time` : "to be taken up now"} />
        <Figure name="Held back" value={stats.held.toLocaleString()} note="by limits of runs at once" />
        <Figure name="A run takes" value={median_ms === null ? "–" : span(median_ms)} note={p95_ms === null ? "no run has completed" : `95 % within ${span(p95_ms)}`} />
      </dl>
      <Part title="Workers">
        <WorkerTable workers={stats.workers.list} />
      </Part>
      <Part title="Queues">
        <QueueTable queues={stats.queues} />
      </Part>
      <Part title="Failures by node type, seven days">
        <Failures counts={stats.failures_by_node_type} />
      </Part>
    </div>
  );
}

function Figure({ name, value, note, bad = false }: { name: string; value: ReactNode; note: string; bad?: boolean }) {
  return (
    <div className="rounded-xl border border-line p-3.5 shadow-card">
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd>
        <span className={`block text-xl font-semibold tracking-[-0.02em] tabular-nums ${bad ? "text-failed" : ""}`}>{value}</span>
        <span className="text-xs text-ink-2">{note}</span>
      </dd>
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className="mb-2.5 font-semibold">{title}</h2>
      {children}
    </section>
  );
}
