import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { BASE } from "../api/client";
import { apiKey, authorization } from "../api/key";
import { paths } from "../api/paths";
import { keys, nodesQuery, runQuery, versionQuery } from "../api/queries";
import { ENDED, type Run } from "../api/types";
import { RunStore } from "../stream/run-store";
import type { RunState } from "../stream/state";
import { useStore } from "./run-context";

const POLL_LIVE_MS = 15_000;
const POLL_CUT_MS = 4_000;

/** The run, its graph and its stream; the stream is opened again when a retry has lengthened the log. */
export function useRun(project: string, runId: string) {
  const client = useQueryClient();
  const store = useMemo(() => new RunStore(BASE + paths.events(project, runId), { headers: authorization }), [project, runId]);
  const connection = useStore(store, (known) => known.connection);
  const cut = connection === "stale" || connection === "refused";
  const run = useQuery({ ...runQuery(project, runId), refetchInterval: cut ? POLL_CUT_MS : POLL_LIVE_MS });
  const { workflow_id: workflow, version } = run.data ?? {};
  const graph = useQuery({ ...versionQuery(project, workflow ?? "", version ?? 0), enabled: workflow !== undefined && version !== undefined, placeholderData: keepPreviousData });

  useEffect(() => {
    store.open();
    return () => store.close();
  }, [store]);

  useEffect(() => apiKey.subscribe(() => apiKey.isWanted() || store.open()), [store]);

  // The rows fill in what the log does not tell: the inputs of the past, and which nodes a retry has reset.
  const retriedAt = useStore(store, (known) => known.state.retriedAt);
  const pruned = useStore(store, (known) => known.log.pruned);
  const rows = useQuery(nodesQuery(project, runId, `${retriedAt}/${pruned}/${run.data?.attempt ?? 1}`)).data;
  useEffect(() => {
    if (rows) store.seed(rows);
  }, [store, rows]);

  const status = useStore(store, (known) => known.state.status);
  useEffect(() => {
    if (status) void client.invalidateQueries({ queryKey: keys.run(project, runId), exact: true });
  }, [client, project, runId, status]);

  const told = run.data?.last_seq ?? 0;
  useEffect(() => {
    if (connection === "ended" && told > store.log.head) store.open();
  }, [store, connection, told]);

  return { run, graph, store, connection };
}

/** The run as the newer of its two witnesses says: the row that was asked for, or the events since. */
export function runNow(run: Run, state: RunState): Run {
  if (state.seq < run.last_seq || state.status === null) return run;
  return {
    ...run,
    status: state.status,
    attempt: Math.max(run.attempt, state.attempt),
    error: state.error ?? (state.status === "FAILED" ? run.error : null),
    reason: state.reason ?? (ENDED.has(state.status) ? run.reason : null),
    wake_at: state.wakeAt,
    result: run.result ?? (state.result as Run["result"]) ?? null,
    started_at: state.startedAt ?? run.started_at,
    finished_at: state.finishedAt,
  };
}
