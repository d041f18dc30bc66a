import type { QueryClient } from "@tanstack/react-query";
import { nodesQuery, runQuery } from "../api/queries";
import type { Graph, Run } from "../api/types";
import type { RunStore } from "../stream/run-store";
import { fileStem, saveFile } from "../ui/save-file";

/** Saves all that is known of a run in one file: itself, its graph, each turn of each node whole, and its events. */
export async function exportRun(client: QueryClient, run: Run, graph: Graph, store: RunStore): Promise<void> {
  const { project_id: project, id } = run;
  const whole = await client.fetchQuery({ ...runQuery(project, id), staleTime: 0 });
  const nodes = await client.fetchQuery({ ...nodesQuery(project, id, `export/${whole.last_seq}`), staleTime: 0 });
  const { events, pruned, head } = store.log;
  const file = { exported_at: new Date().toISOString(), run: whole, graph, nodes, events, events_up_to: head, ...(pruned > 0 ? { events_no_longer_kept: pruned } : {}) };
  saveFile(JSON.stringify(file, null, 2), `${fileStem(run.workflow_name)}-${id.slice(-8)}.json`);
}
