import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useContext, useEffect, useRef, useState } from "react";
import { api, data } from "../../api/client";
import { segmentsOf } from "./expressions";
import type { Role } from "./fields";
import { StandingContext, useForm } from "./scope";

const PAUSE_MS = 250;

/** The JSON of a value as it is once nobody has typed for a moment. */
function useSettled(said: unknown): string {
  const text = JSON.stringify(said) ?? "null";
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** Whether a value has anything to evaluate. */
export function isEvaluated(said: unknown, role: Role): boolean {
  if (typeof said !== "string") return role === "template" && segmentsOf(JSON.stringify(said) ?? "").length > 0;
  return role === "expression" ? said.trim() !== "" : role === "template" && segmentsOf(said).some(({ closed }) => closed);
}

/** What an expression, or a value with templates, gives over the chosen run; asked of the server after each pause. */
export function useEvaluation(value: unknown, role: Role) {
  const { project, workflow, run, doc } = useForm();
  const { node, after, inMap } = useContext(StandingContext);
  const settled = useSettled(value);
  const graph = useRef(doc);
  useEffect(() => {
    graph.current = doc;
  });
  return useQuery({
    queryKey: ["evaluation", project, workflow, run, node, after, inMap, role, settled],
    queryFn: ({ signal }) => {
      const said = role === "expression" ? { expression: JSON.parse(settled) as string } : { template: JSON.parse(settled) as unknown };
      const over = run !== null ? { run_id: run } : workflow !== null ? { workflow_id: workflow } : {};
      const body = { ...said, ...over, node_id: node, after, ...(inMap ? { item: 0 } : {}), graph: graph.current };
      return data(api.POST("/projects/{project_id}/workflows/evaluate", { params: { path: { project_id: project } }, body, signal }));
    },
    enabled: isEvaluated(JSON.parse(settled), role),
    placeholderData: keepPreviousData,
    gcTime: 10_000,
    retry: false,
  });
}
