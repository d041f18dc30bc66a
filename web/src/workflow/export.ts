import { api } from "../api/client";
import type { Workflow } from "../api/types";
import { fileStem, saveFile } from "../ui/save-file";

export type ExportFormat = "json" | "mermaid" | "python";

const ENDINGS: Record<ExportFormat, string> = { json: "json", mermaid: "mmd", python: "py" };

/** Saves the graph of a workflow, or of one of its versions, as a file. */
export async function exportWorkflow(workflow: Workflow, format: ExportFormat, version?: number): Promise<void> {
  const path = { project_id: workflow.project_id, workflow_id: workflow.id };
  const query = { format, ...(version ? { version } : {}) };
  const { data } = await api.GET("/projects/{project_id}/workflows/{workflow_id}/export", { params: { path, query }, parseAs: "text" });
  const text = String(data);
  const pretty = format === "json" ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : text;
  saveFile(pretty, `${fileStem(workflow.name)}.v${version ?? workflow.version}.${ENDINGS[format]}`, format === "json" ? "application/json" : "text/plain");
}
