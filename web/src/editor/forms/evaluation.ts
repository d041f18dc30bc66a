import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useContext, useEffect, useRef, useState } from "react";
import { api, data } from "../../api/client";
import { segmentsOf } from "./expressions";
import type { Role } from "./fields";
import { StandingContext, useForm } from "./scope";

const PAUSE_MS = 250;

/** The text as it is once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** Whether a text has anything to evaluate. */
export function isEvaluated(text: string, role: Role): boolean {
  return role === "expression" ? text.trim() !== "" : role === "template" && segmentsOf(text).some(({ closed }) => closed);
}

/** What a text gives over the chosen run, asked of the server after each pause. */
export function useEvaluation(text: string, role: Role) {
  const { project, workflow, run, doc } = useForm();
  const { node, after, inMap } = useContext(StandingContext);
  const settled = useSettled(text);
  const graph = useRef(doc);
  useEffect(() => {
    graph.current = doc;
  });
  return useQuery({
    queryKey: ["evaluation", project, workflow, run, node, after, inMap, role, settled],
    queryFn: ({ signal }) => {
      const said = role === "expression" ? { expression: settled } : { template: settled };
      const over = run !== null ? { run_id: run } : workflow !== null ? { workflow_id: workflow } : {};
      const body = { ...said, ...over, node_id: node, after, ...(inMap ? { item: 0 } : {}), graph: graph.current };
      return data(api.POST("/projects/{project_id}/workflows/evaluate", { params: { path: { project_id: project } }, body, signal }));
    },
    enabled: isEvaluated(settled, role),
    placeholderData: keepPreviousData,
    gcTime: 10_000,
    retry: false,
  });
}
