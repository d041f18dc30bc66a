import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fetchRuns, keys } from "../../api/queries";
import type { RunSummary } from "../../api/types";
import { Select } from "../../ui/field";
import { ago } from "../../ui/time";
import { useNow } from "../../ui/use-now";

export interface Runs {
  runs: RunSummary[];
  /** The run whose values expressions see; null where there has been none. */
  chosen: string | null;
  choose: (run: string) => void;
}

const MINUTE = 60_000;

/** The newest runs of a workflow, and the one that is chosen: the newest, unless somebody says otherwise. */
export function useRuns(project: string, workflow: string | null): Runs {
  const [said, say] = useState<string | null>(null);
  const found = useQuery({
    queryKey: [...keys.runs(project), "of", workflow],
    queryFn: ({ signal }) => fetchRuns(project, { workflow: workflow ?? "" }, undefined, signal),
    enabled: workflow !== null,
    refetchOnMount: "always",
  });
  const runs = found.data?.items ?? [];
  const chosen = runs.find(({ id }) => id === said) ?? runs[0];
  return { runs, chosen: chosen?.id ?? null, choose: say };
}

/** Says over which run expressions are evaluated. */
export function RunChooser({ runs, chosen, choose }: Runs) {
  const now = useNow(MINUTE);
  if (runs.length === 0) return <p className="border-t border-line px-4 py-2 text-xs text-ink-3">Once this workflow has run, expressions are shown with the values of that run.</p>;
  return (
    <label className="flex items-center gap-2 border-t border-line px-4 py-2 text-xs text-ink-2">
      <span className="shrink-0">Values of</span>
      <Select value={chosen ?? ""} onChange={(event) => choose(event.target.value)} className="min-w-0 grow text-xs">
        {runs.map((run, index) => (
          <option key={run.id} value={run.id}>
            {`${index === 0 ? "Last run" : "Run"}, ${ago(run.created_at, now)}, ${run.status.toLowerCase()}, v${run.version}`}
          </option>
        ))}
      </Select>
    </label>
  );
}
