import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data } from "../../api/client";
import { keys } from "../../api/queries";
import { ENDED, type Page, type Restart, type RunStatus, type VersionSummary } from "../../api/types";
import type { ForkBody } from "./fork";

const VERSIONS_SHOWN = 100;

/** What to go on from; without anything, from where the run stopped, on its own version. */
export interface Wanted {
  from_node?: string;
  version?: number;
}

/** What a retry would do, as the server says without doing it. */
export const restartQuery = (p: string, r: string, attempt: number, wanted: Wanted) =>
  queryOptions<Restart>({
    queryKey: [...keys.run(p, r), "restart", attempt, wanted.from_node ?? "", wanted.version ?? 0],
    queryFn: async ({ signal }): Promise<Restart> => {
      const params = { path: { project_id: p, run_id: r }, query: { dry_run: true } };
      return (await data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/retry", { params, body: wanted, signal }))) as Restart;
    },
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });

const PACE_MS = 5_000;

/** What a fork would do with each node, by what it asks for as JSON; a run that goes on has more to give later. */
export const forkPlanQuery = (p: string, r: string, status: RunStatus, asked: string) =>
  queryOptions<Restart>({
    queryKey: [...keys.run(p, r), "fork", status, asked],
    queryFn: async ({ signal }): Promise<Restart> => {
      const params = { path: { project_id: p, run_id: r }, query: { dry_run: true } };
      const body = JSON.parse(asked) as ForkBody;
      return (await data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/fork", { params, body, signal }))) as Restart;
    },
    placeholderData: keepPreviousData,
    refetchInterval: ENDED.has(status) ? false : PACE_MS,
    retry: false,
    gcTime: 0,
  });

/** The newest versions of a workflow, newest first. */
export const versionsQuery = (p: string, w: string) =>
  queryOptions({
    queryKey: [...keys.workflows(p), w, "newest-versions"],
    queryFn: async ({ signal }): Promise<VersionSummary[]> => {
      const params = { path: { project_id: p, workflow_id: w }, query: { limit: VERSIONS_SHOWN } };
      const page: Page<VersionSummary> = await data(api.GET("/projects/{project_id}/workflows/{workflow_id}/versions", { params, signal }));
      return page.items.toSorted((a, b) => b.version - a.version);
    },
  });
