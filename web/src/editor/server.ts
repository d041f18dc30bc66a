import { queryOptions } from "@tanstack/react-query";
import { api, data, once } from "../api/client";
import type { Plan } from "../api/types";
import type { Written } from "./changes";
import type { Catalog, GraphDoc, NodeType, Problem, Tool } from "./document";
import { numbersIn, parseExact, writeExact } from "./exact";
import { readDocument } from "./reading";

/** A workflow as the server has it; its graph is as it was written. */
export interface Stored extends Written {
  id: string;
  name: string;
  version: number;
  etag: string;
}

export interface Verdict {
  problems: Problem[];
  plan: Plan | null;
}

interface Answer {
  data?: unknown;
  response: Response;
}

/** Answers with graphs are read as text: what a browser makes of JSON forgets how numbers were written. */
function stored({ data: text, response }: Answer): Stored {
  const { value, numbers } = parseExact(String(text));
  const { id, name, version, graph } = value as { id: string; name: string; version: number; graph: unknown };
  return { id, name, version, etag: response.headers.get("ETag") ?? "*", doc: docOf(graph), numbers: numbersIn("graph", numbers) };
}

function docOf(graph: unknown): GraphDoc {
  const read = readDocument(graph);
  if (!read.ok) throw new Error(read.message);
  return read.doc;
}

export async function fetchStored(project: string, workflow: string, signal?: AbortSignal): Promise<Stored> {
  const path = { project_id: project, workflow_id: workflow };
  return stored(await api.GET("/projects/{project_id}/workflows/{workflow_id}", { params: { path }, parseAs: "text", cache: "no-store", signal: signal ?? null }));
}

export async function fetchVersion(project: string, workflow: string, version: number, signal?: AbortSignal): Promise<Written> {
  const path = { project_id: project, workflow_id: workflow, version };
  const address = "/projects/{project_id}/workflows/{workflow_id}/versions/{version}";
  return stored(await api.GET(address, { params: { path }, parseAs: "text", signal: signal ?? null }));
}

/** The next version; refused with 412 when the workflow is no longer what the ETag says. */
export async function putGraph(project: string, workflow: string, graph: Written, etag: string): Promise<Stored> {
  const path = { project_id: project, workflow_id: workflow };
  const body = `{"graph":${writeExact(graph.doc, graph.numbers)}}`;
  const params = { path, header: { "if-match": etag } };
  return stored(await api.PUT("/projects/{project_id}/workflows/{workflow_id}", { params, body: {}, bodySerializer: () => body, parseAs: "text" }));
}

export async function postWorkflow(project: string, name: string, graph: Written, key: string): Promise<Stored> {
  const body = `{"name":${JSON.stringify(name)},"graph":${writeExact(graph.doc, graph.numbers)}}`;
  const params = { path: { project_id: project }, header: once(key) };
  return stored(await api.POST("/projects/{project_id}/workflows", { params, body: {}, bodySerializer: () => body, parseAs: "text" }));
}

export async function checkGraph(project: string, graph: Written, signal: AbortSignal): Promise<Verdict> {
  const body = `{"graph":${writeExact(graph.doc, graph.numbers)}}`;
  const params = { path: { project_id: project } };
  const sent = { params, body: { graph: {} }, bodySerializer: () => body, signal };
  return data(api.POST("/projects/{project_id}/workflows/validate", sent)) as Promise<Verdict>;
}

/** What graphs are built with; fixed as long as the server runs. */
export const catalogQuery = () =>
  queryOptions({
    queryKey: ["catalog"],
    queryFn: async ({ signal }): Promise<Catalog> => {
      const [types, tools] = await Promise.all([data(api.GET("/node-types", { signal })), data(api.GET("/tools", { signal }))]);
      return { nodeTypes: types.items as NodeType[], tools: tools.items as Tool[] };
    },
    staleTime: 60_000,
  });
