import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { runsQuery } from "../api/queries";
import type { Run } from "../api/types";
import { Labelled, Select } from "../ui/field";
import { StatusBadge, statusWord } from "../ui/status";
import { clock, span } from "../ui/time";

interface Props {
  label: string;
  project: string;
  /** Undefined before one is chosen. */
  id: string | undefined;
  run: Run | undefined;
  workflow: string | undefined;
  onPick: (id: string) => void;
}

/** One of the two runs: which it is, and what it came to. */
export function RunSide({ label, project, id, run, workflow, onPick }: Props) {
  const runs = useInfiniteQuery({ ...runsQuery(project, { workflow }) }).data?.pages.flatMap((page) => page.items) ?? [];
  const known = runs.some((item) => item.id === id);
  return (
    <section aria-label={label} className="min-w-0 space-y-3">
      <Labelled label={label}>
        {(field) => (
          <Select id={field} value={id ?? ""} onChange={(event) => onPick(event.target.value)} className="w-full">
            {id === undefined && <option value="">Choose a run</option>}
            {id !== undefined && !known && <option value={id}>{run ? nameOf(run) : id}</option>}
            {runs.map((item) => (
              <option key={item.id} value={item.id}>
                {nameOf(item)}
              </option>
            ))}
          </Select>
        )}
      </Labelled>
      {run && (
        <p className="flex flex-wrap items-center gap-x-2.5 gap-y-1 text-xs text-ink-2">
          <StatusBadge status={run.status} />
          <span className="rounded-md border border-line px-1.5 py-px">v{run.version}</span>
          <span className="tabular-nums">{run.duration_ms === null ? "–" : span(run.duration_ms)}</span>
          {run.attempt > 1 && <span>attempt {run.attempt}</span>}
          <Link to="/projects/$project/runs/$run" params={{ project, run: run.id }} className="font-medium text-accent hover:underline">
            Open
          </Link>
        </p>
      )}
    </section>
  );
}

function nameOf({ id, workflow_name: name, created_at: at, status, version }: Pick<Run, "id" | "workflow_name" | "created_at" | "status" | "version">): string {
  return `${statusWord(status)}, ${clock(at)}, v${version}, ${name} …${id.slice(-6)}`;
}
