import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { ApiError, api, data, freshKey, once } from "../api/client";
import { keys } from "../api/queries";
import type { Json } from "../api/types";
import { useRunScope } from "./run-context";

export interface ResumeBody {
  node_id?: string;
  iteration?: number;
  item?: number[];
  answer?: Json;
  outputs?: { [node: string]: Json };
  mode?: "run" | "step";
}

/** Answers, steps or hastens a run. What comes of it is told by the server's events, never assumed. */
export function useResume() {
  const { project, runId } = useRunScope();
  return useResumeOf(project, runId);
}

/** The same for any run; what is to be done then is done also when the form has gone meanwhile. */
export function useResumeOf(project: string, runId: string, onSuccess?: () => void) {
  const client = useQueryClient();
  // One key for one intent: sending again after a lost answer does not answer twice.
  const intent = useRef({ body: "", key: "" });
  return useMutation({
    mutationFn: (body: ResumeBody) => {
      const printed = JSON.stringify(body);
      if (intent.current.body !== printed) intent.current = { body: printed, key: freshKey() };
      const params = { path: { project_id: project, run_id: runId }, header: once(intent.current.key) };
      return data(api.POST("/projects/{project_id}/workflows/runs/{run_id}/resume", { params, body }));
    },
    ...(onSuccess ? { onSuccess } : {}),
    onSettled: (_, error) => {
      if (!(error instanceof ApiError && error.status === 0)) intent.current = { body: "", key: "" };
      return client.invalidateQueries({ queryKey: keys.run(project, runId), exact: true });
    },
  });
}
