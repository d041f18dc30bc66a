import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Changes } from "../editor/changes";
import { parseExact, withLargeNumbers } from "../editor/exact";
import { api, data } from "./client";
import { allPages } from "./pages";
import type { Delivery, Firing, Hook, Page, Schedule, Trigger, VersionSummary, Workflow } from "./types";

const LIMIT = 200;
const SHORT = 20;
/** How often to ask for what others change, as the clock and the senders of webhooks do. */
const PACE_MS = 10_000;
const HURRIED_MS = 2_000;

export const workflowKeys = {
  one: (p: string, w: string) => ["projects", p, "workflow", w] as const,
  part: (p: string, w: string, part: string) => ["projects", p, "workflow", w, part] as const,
  hooks: (p: string) => ["projects", p, "hooks"] as const,
};

export const workflowQuery = (p: string, w: string) =>
  queryOptions({
    queryKey: [...workflowKeys.one(p, w), "itself"],
    queryFn: ({ signal }): Promise<Workflow> =>
      data(api.GET("/projects/{project_id}/workflows/{workflow_id}", { params: { path: { project_id: p, workflow_id: w } }, signal })),
    refetchInterval: PACE_MS,
  });

export const versionsQuery = (p: string, w: string, newest: number) =>
  infiniteQueryOptions({
    queryKey: [...workflowKeys.part(p, w, "versions"), newest],
    queryFn: ({ pageParam, signal }): Promise<Page<VersionSummary>> => {
      const query = { limit: SHORT, ...(pageParam ? { cursor: pageParam } : {}) };
      return data(api.GET("/projects/{project_id}/workflows/{workflow_id}/versions", { params: { path: { project_id: p, workflow_id: w }, query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last: Page<VersionSummary>) => last.next_cursor ?? undefined,
  });

/** Versions never change, so neither does what is between two of them. */
export const diffQuery = (p: string, w: string, from: number, to: number) =>
  queryOptions({
    queryKey: [...workflowKeys.part(p, w, "diff"), from, to],
    // Read as text: what a browser makes of JSON rounds large numbers, and two of them may be what differs.
    queryFn: async ({ signal }): Promise<Changes> => {
      const asked = { params: { path: { project_id: p, workflow_id: w }, query: { from, to } }, parseAs: "text" as const, signal };
      const { value, numbers } = parseExact(String(await data(api.GET("/projects/{project_id}/workflows/{workflow_id}/diff", asked))));
      return withLargeNumbers(value as Changes, numbers);
    },
    staleTime: Infinity,
  });

export const schedulesQuery = (p: string, w: string) =>
  queryOptions({
    queryKey: workflowKeys.part(p, w, "schedules"),
    queryFn: ({ signal }): Promise<Schedule[]> =>
      allPages((cursor) => data(api.GET("/projects/{project_id}/workflows/{workflow_id}/schedules", { params: { path: { project_id: p, workflow_id: w }, query: { limit: LIMIT, ...cursor } }, signal }))),
    refetchInterval: PACE_MS,
  });

export const firingsQuery = (p: string, w: string, s: string) =>
  queryOptions({
    queryKey: [...workflowKeys.part(p, w, "schedules"), s, "firings"],
    queryFn: ({ signal }): Promise<Page<Firing>> => {
      const path = { project_id: p, workflow_id: w, schedule_id: s };
      return data(api.GET("/projects/{project_id}/workflows/{workflow_id}/schedules/{schedule_id}/firings", { params: { path, query: { limit: SHORT } }, signal }));
    },
    refetchInterval: PACE_MS,
  });

export const triggersQuery = (p: string, w: string) =>
  queryOptions({
    queryKey: workflowKeys.part(p, w, "triggers"),
    queryFn: ({ signal }): Promise<Trigger[]> =>
      allPages((cursor) => data(api.GET("/projects/{project_id}/workflows/{workflow_id}/triggers", { params: { path: { project_id: p, workflow_id: w }, query: { limit: LIMIT, ...cursor } }, signal }))),
  });

/** All hooks of the project. */
export const hooksQuery = (p: string) =>
  queryOptions({
    queryKey: workflowKeys.hooks(p),
    queryFn: ({ signal }): Promise<Hook[]> =>
      allPages((cursor) => data(api.GET("/projects/{project_id}/hooks", { params: { path: { project_id: p }, query: { limit: LIMIT, ...cursor } }, signal }))),
    refetchInterval: PACE_MS,
  });

export const deliveriesQuery = (p: string, h: string) =>
  queryOptions({
    queryKey: [...workflowKeys.hooks(p), h, "deliveries"],
    queryFn: ({ signal }): Promise<Page<Delivery>> =>
      data(api.GET("/projects/{project_id}/hooks/{hook_id}/deliveries", { params: { path: { project_id: p, hook_id: h }, query: { limit: SHORT } }, signal })),
    refetchInterval: ({ state }) => (state.data?.items.some((delivery) => delivery.status === "pending") ? HURRIED_MS : PACE_MS),
  });
