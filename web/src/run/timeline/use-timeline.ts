import { useMemo, useState } from "react";
import type { Run } from "../../api/types";
import { useRunScope, useStore } from "../run-context";
import { type Row, rowOfRun, rowsOfViews, Timeline } from "./spans";

export interface Shown {
  rows: readonly Row[];
  /** Of some of it only begin and end are known. */
  pruned: boolean;
  from: number;
  /** Where everything has ended; null while something goes on. */
  to: number | null;
}

/** All that is known of when what happened, the run itself first. */
export function useTimeline(run: Run): Shown {
  const { store, graph } = useRunScope();
  const version = useStore(store, (known) => known.version);
  const [timeline] = useState(() => new Timeline());
  return useMemo(() => {
    timeline.take(store.log.events);
    const told = timeline.rows.filter(({ node, spans, made }) => node === null || spans.length > 0 || made);
    const rest = store.log.pruned > 0 ? rowsOfViews(graph.nodes.flatMap(({ id }) => store.node(id) ?? []), new Set(told.map(({ key }) => key))) : [];
    const itself = told.some(({ node }) => node === null) ? [] : [rowOfRun(run)];
    const rows = [...itself, ...told, ...rest].sort((a, b) => Number(a.node !== null) - Number(b.node !== null) || a.at - b.at);
    return { rows, pruned: store.log.pruned > 0, ...extent(rows, run) };
    // The log grows in place; the version says when.
  }, [timeline, store, graph, version, run]);
}

function extent(rows: readonly Row[], run: Run): { from: number; to: number | null } {
  let from = Infinity;
  let to = 0;
  let open = run.finished_at === null && run.status !== "PENDING";
  for (const { spans, made } of rows) {
    if (made) continue;
    for (const span of spans) {
      from = Math.min(from, span.from);
      to = Math.max(to, span.to ?? span.from);
      open ||= span.to === null;
    }
  }
  const begin = from === Infinity ? Date.parse(run.created_at) : from;
  return { from: begin, to: open ? null : Math.max(to, begin + 1) };
}
