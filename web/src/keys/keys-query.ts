import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../api/client";
import { allPages } from "../api/pages";
import type { ApiKey } from "../api/types";

const LIMIT = 200;

export const keysQuery = (p: string) =>
  queryOptions({
    queryKey: ["projects", p, "keys"],
    queryFn: ({ signal }): Promise<ApiKey[]> =>
      allPages((cursor) => data(api.GET("/projects/{project_id}/keys", { params: { path: { project_id: p }, query: { limit: LIMIT, ...cursor } }, signal }))),
  });
