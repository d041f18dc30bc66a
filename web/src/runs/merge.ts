import type { InfiniteData } from "@tanstack/react-query";
import type { Page, RunEvent, RunStatus, RunSummary } from "../api/types";
import type { RunFilter } from "../api/queries";

export type RunPages = InfiniteData<Page<RunSummary>, string>;

const STATUS: Record<string, RunStatus> = {
  "workflow.run.queued": "QUEUED",
  "workflow.run.started": "RUNNING",
  "workflow.run.waiting": "WAITING",
  "workflow.run.retrying": "RETRYING",
  "workflow.run.resumed": "RUNNING",
  "workflow.run.completed": "COMPLETED",
  "workflow.run.failed": "FAILED",
  "workflow.run.cancelled": "CANCELLED",
};
const ENDS: ReadonlySet<RunStatus> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** Lays a fresh first page over what is loaded: newer facts replace older ones, new runs come to the front. */
export function mergeFirstPage(pages: RunPages, fresh: Page<RunSummary>): RunPages {
  const [first, ...others] = pages.pages;
  if (!first || others.length === 0) return { ...pages, pages: [fresh] };
  const newer = new Map(fresh.items.map((run) => [run.id, run]));
  const known = new Set(pages.pages.flatMap((page) => page.items.map((run) => run.id)));
  const renew = (page: Page<RunSummary>) => ({ ...page, items: page.items.map((run) => newest(run, newer.get(run.id))) });
  const arrived = fresh.items.filter((run) => !known.has(run.id));
  const renewed = pages.pages.map(renew);
  renewed[0] = { ...renewed[0]!, items: [...arrived, ...renewed[0]!.items] };
  return { ...pages, pages: renewed };
}

function newest(before: RunSummary, after: RunSummary | undefined): RunSummary {
  return after && after.last_seq >= before.last_seq ? after : before;
}

/** Applies a run event to the loaded pages; what has left the filter leaves the list. */
export function applyRunEvent(pages: RunPages, event: RunEvent, filter: RunFilter): RunPages {
  const status = STATUS[event.type];
  if (!status) return pages;
  let touched = false;
  const next = pages.pages.map((page) => {
    const at = page.items.findIndex((run) => run.id === event.run_id && run.last_seq < event.seq);
    if (at < 0) return page;
    touched = true;
    const items = [...page.items];
    const changed = runAfter(items[at]!, event, status);
    if (filter.status && filter.status !== status) items.splice(at, 1);
    else items[at] = changed;
    return { ...page, items };
  });
  return touched ? { ...pages, pages: next } : pages;
}

function runAfter(run: RunSummary, event: RunEvent, status: RunStatus): RunSummary {
  return {
    ...run,
    status,
    last_seq: event.seq,
    started_at: status === "RUNNING" ? (run.started_at ?? event.at) : run.started_at,
    finished_at: ENDS.has(status) ? event.at : null,
  };
}
