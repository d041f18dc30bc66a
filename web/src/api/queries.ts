import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call, image } from "./client";
import { paths } from "./paths";
import type { MapItem, NodeState, NodeStatus, Page, Project, Run, Template, Workflow, WorkflowVersion } from "./types";

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
    queryFn: ({ signal }) => call<Page<Project>>(paths.projects(), { signal, query: { limit: 200 } }),
  });

export const templatesQuery = () =>
  queryOptions({
    queryKey: ["templates"],
    queryFn: ({ signal }) => call<{ items: Template[] }>(paths.templates(), { signal }),
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
  let cursor: string | undefined;
  do {
    const page = await call<Page<Workflow>>(paths.workflows(p), { signal, query: { limit: 200, cursor } });
    found.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

export function fetchRuns(p: string, filter: RunFilter, cursor?: string, signal?: AbortSignal): Promise<Page<Run>> {
  const query = { status: filter.status, workflow_id: filter.workflow, limit: RUNS_PER_PAGE, cursor };
  return call<Page<Run>>(paths.runs(p), signal ? { query, signal } : { query });
}

export const runsQuery = (p: string, filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: [...keys.runs(p), filter.status ?? "", filter.workflow ?? ""],
    queryFn: ({ pageParam, signal }) => fetchRuns(p, filter, pageParam || undefined, signal),
    initialPageParam: "",
    getNextPageParam: (last: Page<Run>) => last.next_cursor ?? undefined,
  });

export const runQuery = (p: string, r: string) =>
  queryOptions({
    queryKey: keys.run(p, r),
    queryFn: ({ signal }) => call<Run>(paths.run(p, r), { signal }),
  });

export const versionQuery = (p: string, w: string, n: number) =>
  queryOptions({
    queryKey: ["projects", p, "workflow", w, "version", n],
    queryFn: ({ signal }) => call<WorkflowVersion>(paths.version(p, w, n), { signal }),
    staleTime: Infinity,
  });

/** All laps of one node, whole; asked again whenever the stream has told of a change. */
export const nodeQuery = (p: string, r: string, n: string, tick: number) =>
  queryOptions<NodeState[]>({
    queryKey: [...keys.run(p, r), "node", n, tick],
    queryFn: async ({ signal }): Promise<NodeState[]> => {
      const answer = await call<NodeState | Page<NodeState>>(paths.node(p, r, n), { signal, query: { limit: 200 } });
      return "items" in answer ? answer.items : [answer];
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
  let cursor: string | undefined;
  do {
    const page = await call<Page<NodeState>>(paths.nodes(p, r), { signal, query: { limit: 200, cursor } });
    found.push(...page.items);
    cursor = page.next_cursor ?? undefined;
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
    queryFn: ({ signal }) =>
      call<Page<MapItem>>(paths.items(p, r), { signal, query: { node_id: node, iteration, status, cursor, limit: ITEMS_PER_PAGE } }),
    placeholderData: keepPreviousData,
    refetchInterval: PACE[stand] ?? false,
    gcTime: PASSING_MS,
  });

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
async function fetchChildren(p: string, r: string, node: string, iteration: number, signal: AbortSignal): Promise<Run[]> {
  let cursor: string | undefined;
  for (let pages = 0; pages < MOST_CHILD_PAGES; pages++) {
    const page = await call<Page<Run>>(paths.runs(p), { signal, query: { parent_run_id: r, parent_node_id: node, limit: 200, cursor } });
    const found = page.items.filter((run) => run.parent_iteration === iteration);
    if (found.length > 0 || !page.next_cursor) return found;
    cursor = page.next_cursor;
  }
  return [];
}
