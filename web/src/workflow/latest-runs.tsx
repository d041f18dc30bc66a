import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { runsQuery } from "../api/queries";
import { ENDED } from "../api/types";
import { RunRow } from "../runs/run-row";
import { useLiveRuns } from "../runs/use-live-runs";
import { ErrorBox, Skeleton } from "../ui/states";
import { useNow } from "../ui/use-now";

const SHOWN = 8;

/** The newest runs of a workflow, live. */
export function LatestRuns({ project, workflow }: { project: string; workflow: string }) {
  const filter = { workflow };
  const runs = useInfiniteQuery(runsQuery(project, filter));
  useLiveRuns(project, filter);
  const items = runs.data?.pages[0]?.items.slice(0, SHOWN) ?? [];
  const now = useNow(items.some((run) => !ENDED.has(run.status)) ? 500 : 20_000);
  return (
    <section aria-label="Latest runs" className="pt-4">
      <div className="mb-1 flex items-center gap-3 px-3 md:px-5">
        <h2 className="text-xs font-semibold text-ink-2">Latest runs</h2>
        {items.length > 0 && (
          <Link to="/projects/$project/runs" params={{ project }} search={{ workflow }} className="ml-auto text-xs font-medium text-accent hover:underline">
            All runs
          </Link>
        )}
      </div>
      {runs.isPending && <Skeleton rows={3} />}
      {runs.isError && !runs.data && (
        <div className="px-5 py-2">
          <ErrorBox error={runs.error} retry={() => void runs.refetch()} />
        </div>
      )}
      {runs.data && items.length === 0 && <p className="px-3 py-2 text-ink-2 md:px-5">None yet. “Start run” begins the first.</p>}
      <ul>
        {items.map((run) => (
          <li key={run.id} className="h-[49px]">
            <RunRow project={project} run={run} now={now} />
          </li>
        ))}
      </ul>
    </section>
  );
}
