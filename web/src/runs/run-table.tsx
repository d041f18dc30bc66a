import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef } from "react";
import { ENDED, type RunSummary } from "../api/types";
import { Button } from "../ui/button";
import { useNow } from "../ui/use-now";
import { COLUMNS, RunRow } from "./run-row";

const ROW = 49;

interface Props {
  project: string;
  runs: RunSummary[];
  more: boolean;
  loading: boolean;
  onMore: () => void;
}

/** The runs, newest first. Only the rows in sight are in the document; j and k walk through them. */
export function RunTable({ project, runs, more, loading, onMore }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const active = runs.some((run) => !ENDED.has(run.status));
  const now = useNow(active ? 500 : 20_000);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
    getItemKey: (index) => runs[index]?.id ?? index,
  });
  const last = rows.getVirtualItems().at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !loading && last >= runs.length - 5) onMore();
  }, [last, more, loading, runs.length, onMore]);

  return (
    <div ref={box} className="min-h-0 grow overflow-y-auto" onKeyDown={walk} role="presentation">
      <div className={`${COLUMNS} sticky top-0 z-10 border-b border-line bg-surface py-2 text-xs font-medium text-ink-3`} aria-hidden>
        <span>Status</span>
        <span>Workflow</span>
        <span className="hidden md:block">Progress</span>
        <span className="hidden md:block">Started</span>
        <span className="text-right">Duration</span>
      </div>
      <ul aria-label="Runs" className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => {
          const run = runs[item.index]!;
          return (
            <li key={run.id} className="absolute inset-x-0" style={{ height: ROW, transform: `translateY(${item.start}px)` }}>
              <RunRow project={project} run={run} now={now} />
            </li>
          );
        })}
      </ul>
      {more && (
        <div className="flex justify-center py-4">
          <Button onClick={onMore} busy={loading}>
            Load more
          </Button>
        </div>
      )}
    </div>
  );
}

function walk(event: KeyboardEvent<HTMLDivElement>): void {
  const step = event.key === "j" || event.key === "ArrowDown" ? 1 : event.key === "k" || event.key === "ArrowUp" ? -1 : 0;
  if (step === 0 || event.metaKey || event.ctrlKey || event.altKey) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLAnchorElement>("a[data-run]")].sort(
    (a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top,
  );
  const here = links.findIndex((link) => link === document.activeElement);
  const next = links[here + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
