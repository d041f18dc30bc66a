import { useQuery } from "@tanstack/react-query";
import type { Run } from "../../api/types";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icons";
import { versionsQuery } from "./queries";

/** One may come from the editor in this tab, or mend the graph in another one. */
const FRESH = { refetchOnMount: "always", refetchOnWindowFocus: "always", refetchInterval: 15_000 } as const;

/** Offers a run that has failed to go on with what its workflow has become since. */
export function NewerVersion({ run, onRetry }: { run: Run; onRetry: (version: number) => void }) {
  const newest = useQuery({ ...versionsQuery(run.project_id, run.workflow_id), ...FRESH }).data?.[0]?.version;
  if (newest === undefined || newest <= run.version) return null;
  return (
    <div data-newer={newest} className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-t border-line bg-accent-soft/60 px-5 py-2">
      <Icon name="workflows" size={15} className="text-accent" />
      <p className="min-w-0 grow basis-52">
        <span className="font-medium">The workflow is at v{newest} now.</span> <span className="text-ink-2">This run has stopped on v{run.version}, and can go on with the newer one.</span>
      </p>
      <Button kind="primary" icon="retry" needs="runner" onClick={() => onRetry(newest)}>
        Retry on v{newest}
      </Button>
    </div>
  );
}
