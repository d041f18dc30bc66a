import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useContext, useEffect, useRef } from "react";
import { api, data } from "../../api/client";
import type { components } from "../../api/schema";
import { useSettled } from "../../ui/use-settled";
import { type Numbers, numbersIn, parseExact } from "../exact";
import { useExactly } from "./exactly";
import { segmentsOf } from "./expressions";
import type { Role } from "./fields";
import { StandingContext, useForm } from "./scope";

const PAUSE_MS = 250;

type Answer = components["schemas"]["EvaluationOut"];

/** What came of it, with how its numbers are written. */
export type Evaluated = Answer & { numbers: Numbers };

/** Whether a value has anything to evaluate. */
export function isEvaluated(said: unknown, role: Role): boolean {
  if (typeof said !== "string") return role === "template" && segmentsOf(JSON.stringify(said) ?? "").length > 0;
  return role === "expression" ? said.trim() !== "" : role === "template" && segmentsOf(said).some(({ closed }) => closed);
}

/** What an expression, or a value with templates, gives over the chosen run; asked of the server after each pause. */
export function useEvaluation(value: unknown, role: Role) {
  const { project, workflow, run, iteration, doc } = useForm();
  const { node, after, inMap } = useContext(StandingContext);
  const { print } = useExactly();
  const settled = useSettled(print(value), PAUSE_MS);
  const graph = useRef(doc);
  useEffect(() => {
    graph.current = doc;
  });
  return useQuery({
    queryKey: ["evaluation", project, workflow, run, iteration, node, after, inMap, role, settled],
    queryFn: async ({ signal }): Promise<Evaluated> => {
      const over = run !== null ? { run_id: run } : workflow !== null ? { workflow_id: workflow } : {};
      const rest = { ...over, node_id: node, after, ...(inMap ? { item: 0 } : {}), ...(iteration !== null && node !== null ? { iteration } : {}), graph: graph.current };
      const body = `{${JSON.stringify(role === "expression" ? "expression" : "template")}:${settled},${JSON.stringify(rest).slice(1)}`;
      const sent = { params: { path: { project_id: project } }, body: {} as never, bodySerializer: () => body, parseAs: "text" as const, signal };
      const { value, numbers } = parseExact(String(await data(api.POST("/projects/{project_id}/workflows/evaluate", sent))));
      return { ...(value as Answer), numbers: numbersIn("value", numbers) };
    },
    enabled: isEvaluated(JSON.parse(settled), role),
    placeholderData: keepPreviousData,
    gcTime: 10_000,
    retry: false,
  });
}
