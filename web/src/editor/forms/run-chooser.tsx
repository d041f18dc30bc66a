import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fetchRuns, keys, nodeQuery } from "../../api/queries";
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

export interface Laps {
  /** The turns that the node has had in the run; none where it is in no loop. */
  turns: { iteration: number; path: readonly number[] }[];
  /** The turn that is chosen; null for the last. */
  chosen: number | null;
  choose: (iteration: number | null) => void;
}

/** The laps of a node that is in a loop, in the run that is chosen. */
export function useLaps(project: string, run: string | null, node: string | null): Laps {
  const [said, say] = useState<{ run: string | null; node: string | null; iteration: number } | null>(null);
  const found = useQuery({ ...nodeQuery(project, run ?? "", node ?? "", 0), enabled: run !== null && node !== null, retry: false, placeholderData: undefined, staleTime: MINUTE });
  const turns = (found.data ?? []).filter(({ path }) => path.length > 0);
  const chosen = said?.run === run && said.node === node && turns.some(({ iteration }) => iteration === said.iteration) ? said.iteration : null;
  return { turns, chosen, choose: (iteration) => say(iteration === null ? null : { run, node, iteration }) };
}

/** Says over which run expressions are evaluated. */
export function RunChooser({ runs, chosen, choose, laps }: Runs & { laps: Laps }) {
  const now = useNow(MINUTE);
  if (runs.length === 0) return <p className="border-t border-line px-4 py-2 text-xs text-ink-3">Once this workflow has run, expressions are shown with the values of that run.</p>;
  return (
    <div className="flex gap-x-2 border-t border-line px-4 py-2 text-xs text-ink-2">
      <label className="flex min-w-0 grow items-center gap-2">
        <span className="shrink-0">Values of</span>
        <Select value={chosen ?? ""} onChange={(event) => choose(event.target.value)} className="min-w-0 grow text-xs">
          {runs.map((run, index) => (
            <option key={run.id} value={run.id}>
              {`${index === 0 ? "Last run" : "Run"}, ${ago(run.created_at, now)}, ${run.status.toLowerCase()}, v${run.version}`}
            </option>
          ))}
        </Select>
      </label>
      {laps.turns.length > 1 && (
        <Select aria-label="Lap" value={laps.chosen ?? ""} onChange={(event) => laps.choose(event.target.value === "" ? null : Number(event.target.value))} className="w-26 shrink-0 text-xs">
          <option value="">Last lap</option>
          {laps.turns.map(({ iteration, path }) => (
            <option key={iteration} value={iteration}>{`Lap ${path.map((lap) => lap + 1).join(" · ")}`}</option>
          ))}
        </Select>
      )}
    </div>
  );
}
