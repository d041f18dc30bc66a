import { infiniteQueryOptions } from "@tanstack/react-query";
import { api, data } from "./client";
import type { components } from "./schema";
import type { Page, Told } from "./types";

export type Approval = Told<components["schemas"]["ApprovalOut"]>;

const PER_PAGE = 100;
const PACE_MS = 15_000;

/** What waits for an answer in a project; asked again by itself, and at once when the project's events say so. */
export const approvalsQuery = (p: string) =>
  infiniteQueryOptions({
    queryKey: ["projects", p, "approvals"],
    queryFn: ({ pageParam, signal }): Promise<Page<Approval>> => {
      const query = { limit: PER_PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      return data(api.GET("/projects/{project_id}/approvals", { params: { path: { project_id: p }, query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last: Page<Approval>) => last.next_cursor ?? undefined,
    refetchInterval: PACE_MS,
  });
