import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../api/client";
import type { Project } from "../api/types";

export const projectQuery = (p: string) =>
  queryOptions({
    queryKey: ["projects", p, "itself"],
    queryFn: ({ signal }): Promise<Project> => data(api.GET("/projects/{project_id}", { params: { path: { project_id: p } }, signal })),
  });
