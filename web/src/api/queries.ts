import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data, image } from "./client";
import type { Artifact, NodeState, NodeStatus, Page, RunSummary, Status, Template, Workflow } from "./types";

export interface RunFilter {
  status?: string | undefined;
  workflow?: string | undefined;
}

export const RUNS_PER_PAGE = 50;
export const ITEMS_PER_PAGE = 50;
/** How long answers are kept that the next tick replaces. */
const PASSING_MS = 5_000;
const MOST_CHILD_PAGES = 10;

export const keys = {
  projects: ["projects"] as const,
  workflows: (p: string) => ["projects", p, "workflows"] as const,
  runs: (p: string) => ["projects", p, "runs"] as const,
  run: (p: string, r: string) => ["projects", p, "run", r] as const,
};

export const projectsQuery = () =>
  queryOptions({
    queryKey: keys.projects,
    queryFn: ({ signal }) => data(api.GET("/projects", { params: { query: { limit: 200 } }, signal })),
  });

export const templatesQuery = () =>
  queryOptions({
    queryKey: ["templates"],
    queryFn: ({ signal }): Promise<{ items: Template[] }> => data(api.GET("/templates", { signal })),
    staleTime: Infinity,
  });

export const pictureQuery = (url: string) =>
  queryOptions({
    queryKey: ["picture", url],
    queryFn: ({ signal }) => image(url, signal),
    staleTime: Infinity,
  });

export const workflowsQuery = (p: string) =>
  queryOptions({
    queryKey: keys.workflows(p),
    queryFn: ({ signal }) => allWorkflows(p, signal),
  });

/** The list is short and the start dialog needs all of it, so its pages are read to the end. */
async function allWorkflows(p: string, signal: AbortSignal): Promise<Workflow[]> {
  const found: Workflow[] = [];
  let cursor: string | null = null;
  do {
    const params = { path: { project_id: p }, query: { limit: 200, ...from(cursor) } };
    const page: Page<Workflow> = await data(api.GET("/projects/{project_id}/workflows", { params, signal }));
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}

/** The cursor as a query takes it: left out before the first page. */
const from = (cursor: string | null | undefined) => (cursor ? { cursor } : {});

export function fetchRuns(p: string, { status, workflow }: RunFilter, cursor?: string, signal?: AbortSignal): Promise<Page<RunSummary>> {
  const wanted = { ...(status ? { status: [status] } : {}), ...(workflow ? { workflow_id: workflow } : {}) };
  const params = { path: { project_id: p }, query: { ...wanted, limit: RUNS_PER_PAGE, ...from(cursor) } };
  return data(api.GET("/projects/{project_id}/workflows/runs", { params, ...(signal ? { signal } : {}) }));
}

export const runsQuery = (p: string, filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: [...keys.runs(p), filter.status ?? "", filter.workflow ?? ""],
    queryFn: ({ pageParam, signal }) => fetchRuns(p, filter, pageParam || undefined, signal),
    initialPageParam: "",
    getNextPageParam: (last: Page<RunSummary>) => last.next_cursor ?? undefined,
  });

export const runQuery = (p: string, r: string) =>
  queryOptions({
    queryKey: keys.run(p, r),
    queryFn: ({ signal }) => data(api.GET("/projects/{project_id}/workflows/runs/{run_id}", { params: { path: { project_id: p, run_id: r } }, signal })),
  });

export const versionQuery = (p: string, w: string, n: number) =>
  queryOptions({
    queryKey: ["projects", p, "workflow", w, "version", n],
    queryFn: ({ signal }) => {
      const path = { project_id: p, workflow_id: w, version: n };
      return data(api.GET("/projects/{project_id}/workflows/{workflow_id}/versions/{version}", { params: { path }, signal }));
    },
    staleTime: Infinity,
  });

/** All laps of one node, whole; asked again whenever the stream has told of a change. */
export const nodeQuery = (p: string, r: string, n: string, tick: number) =>
  queryOptions<NodeState[]>({
    queryKey: [...keys.run(p, r), "node", n, tick],
    queryFn: async ({ signal }): Promise<NodeState[]> => {
      const params = { path: { project_id: p, run_id: r, node_id: n }, query: { limit: 200 } };
      return (await data(api.GET("/projects/{project_id}/workflows/runs/{run_id}/nodes/{node_id}", { params, signal }))).items;
    },
    gcTime: PASSING_MS,
    placeholderData: (before: NodeState[] | undefined): NodeState[] | undefined =>
      before?.[0]?.node_id === n ? before : undefined,
  });

/** All turns of all nodes; asked again when the mark changes. */
export const nodesQuery = (p: string, r: string, mark: string) =>
  queryOptions({
    queryKey: [...keys.run(p, r), "nodes", mark],
    queryFn: ({ signal }) => fetchNodes(p, r, signal),
    staleTime: Infinity,
    gcTime: 0,
  });

async function fetchNodes(p: string, r: string, signal: AbortSignal): Promise<NodeState[]> {
  const found: NodeState[] = [];
  let cursor: string | null = null;
  do {
    const params = { path: { project_id: p, run_id: r }, query: { limit: 200, ...from(cursor) } };
    const page: Page<NodeState> = await data(api.GET("/projects/{project_id}/workflows/runs/{run_id}/nodes", { params, signal }));
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}

export interface ItemFilter {
  node: string;
  iteration: number;
  status?: NodeStatus | undefined;
  cursor?: string | undefined;
}

/** How often to ask for what has no events of its own, by how its node stands; not at all after the end. */
const PACE: Partial<Record<NodeStatus, number>> = { RUNNING: 1_500, RETRYING: 5_000, WAITING: 5_000 };

/** One page of the items of a map; the mark asks again. */
export const itemsQuery = (p: string, r: string, { node, iteration, status, cursor }: ItemFilter, stand: NodeStatus, mark: string) =>
  queryOptions({
    queryKey: [...keys.run(p, r), "items", node, iteration, status ?? "", cursor ?? "", stand, mark],
    queryFn: ({ signal }) => {
      const query = { node_id: node, iteration, ...(status ? { status: [status] } : {}), limit: ITEMS_PER_PAGE, ...from(cursor) };
      return data(api.GET("/projects/{project_id}/workflows/runs/{run_id}/items", { params: { path: { project_id: p, run_id: r }, query }, signal }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: PACE[stand] ?? false,
    gcTime: PASSING_MS,
  });

export interface FileFilter {
  node?: string;
  iteration?: number;
}

/** The files of a run, or of one turn of a node, oldest first; asked again as it stands. */
export const filesQuery = (p: string, r: string, { node, iteration }: FileFilter, stand: Status) =>
  infiniteQueryOptions({
    queryKey: [...keys.run(p, r), "files", node ?? "", iteration ?? "", stand],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...(node === undefined ? {} : { node_id: node }), ...(iteration === undefined ? {} : { iteration }), limit: ITEMS_PER_PAGE, ...from(pageParam) };
      return data(api.GET("/projects/{project_id}/workflows/runs/{run_id}/artifacts", { params: { path: { project_id: p, run_id: r }, query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last: Page<Artifact>) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: PACE[stand as NodeStatus] ?? false,
    gcTime: PASSING_MS,
  });

/** The bytes of a file. */
export async function fetchFile(p: string, r: string, file: string): Promise<Blob> {
  const path = { project_id: p, run_id: r, artifact_id: file };
  const answer = await api.GET("/projects/{project_id}/workflows/runs/{run_id}/artifacts/{artifact_id}", { params: { path }, parseAs: "blob" });
  return answer.data as Blob;
}

/** The child runs that one turn of a node has started, newest first. */
export const childrenQuery = (p: string, r: string, node: string, iteration: number, stand: NodeStatus, attempt: number) =>
  queryOptions({
    queryKey: [...keys.run(p, r), "children", node, iteration, stand, attempt],
    queryFn: ({ signal }) => fetchChildren(p, r, node, iteration, signal),
    placeholderData: keepPreviousData,
    refetchInterval: PACE[stand] ?? false,
    gcTime: PASSING_MS,
  });

/** The newest children of a node; pages are read until some of this turn of it are there. */
async function fetchChildren(p: string, r: string, node: string, iteration: number, signal: AbortSignal): Promise<RunSummary[]> {
  let cursor: string | null = null;
  for (let pages = 0; pages < MOST_CHILD_PAGES; pages++) {
    const params = { path: { project_id: p }, query: { parent_run_id: r, parent_node_id: node, limit: 200, ...from(cursor) } };
    const page: Page<RunSummary> = await data(api.GET("/projects/{project_id}/workflows/runs", { params, signal }));
    const found = page.items.filter((run) => run.parent_iteration === iteration);
    if (found.length > 0 || !page.next_cursor) return found;
    cursor = page.next_cursor;
  }
  return [];
}
