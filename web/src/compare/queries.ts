import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { nodesQuery, runQuery, versionQuery } from "../api/queries";
import type { Graph, NodeState, Run } from "../api/types";

export interface Whole {
  run: Run;
  graph: Graph;
  rows: readonly NodeState[];
}

/** A run with its graph and all turns of its nodes. */
export function useWhole(project: string, id: string | undefined) {
  const run = useQuery({ ...runQuery(project, id ?? ""), enabled: id !== undefined });
  const { workflow_id: workflow = "", version = 0, last_seq: seq = 0 } = run.data ?? {};
  const graph = useQuery({ ...versionQuery(project, workflow, version), enabled: run.data !== undefined });
  const rows = useQuery({ ...nodesQuery(project, id ?? "", `compare/${seq}`), enabled: run.data !== undefined });
  const parts = [run, graph, rows];
  const error = parts.find((part) => part.isError)?.error ?? null;
  const whole = useMemo((): Whole | null => (run.data && graph.data && rows.data ? { run: run.data, graph: graph.data.graph, rows: rows.data } : null), [run.data, graph.data, rows.data]);
  return { whole, error, again: () => parts.forEach((part) => part.isError && void part.refetch()) };
}
