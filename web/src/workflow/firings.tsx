import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Firing, Schedule, Status, Workflow } from "../api/types";
import { firingsQuery } from "../api/workflow";
import { ErrorBox, Skeleton } from "../ui/states";
import { StatusIcon } from "../ui/status";
import { clock, localTimes } from "../ui/time";

const LOOKS: Record<Firing["status"], { as: Status; word: string }> = {
  started: { as: "COMPLETED", word: "Started" },
  queued: { as: "QUEUED", word: "Waits for the run before" },
  skipped: { as: "SKIPPED", word: "Left out" },
  failed: { as: "FAILED", word: "Failed" },
  missed: { as: "CANCELLED", word: "Missed" },
};

/** What became of the newest due times of a schedule. */
export function Firings({ workflow, schedule }: { workflow: Workflow; schedule: Schedule }) {
  const firings = useQuery(firingsQuery(workflow.project_id, workflow.id, schedule.id));
  return (
    <section aria-label={`Times of ${schedule.name}`} className="mt-3 border-t border-line pt-3">
      {firings.isPending && <Skeleton rows={2} />}
      {firings.isError && <ErrorBox error={firings.error} retry={() => void firings.refetch()} />}
      {firings.data?.items.length === 0 && <p className="text-ink-2">Nothing was due yet.</p>}
      <ul className="space-y-1.5">
        {firings.data?.items.map((firing) => (
          <li key={firing.scheduled_for + firing.status} className="flex flex-wrap items-baseline gap-x-3">
            <span className="flex w-44 items-center gap-2">
              <StatusIcon status={LOOKS[firing.status].as} size={13} />
              {LOOKS[firing.status].word}
            </span>
            <time dateTime={firing.scheduled_for} className="text-ink-2 tabular-nums">
              {clock(firing.scheduled_for)}
            </time>
            {firing.run_id && (
              <Link to="/projects/$project/runs/$run" params={{ project: workflow.project_id, run: firing.run_id }} className="text-accent hover:underline">
                Open the run
              </Link>
            )}
            {firing.reason && <span className="min-w-0 text-xs text-ink-3 [overflow-wrap:anywhere]">{localTimes(firing.reason.message)}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
