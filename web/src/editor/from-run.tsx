import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { runQuery } from "../api/queries";
import { Notice } from "./notices";
import { useEditor, useEditorScope } from "./use-editor";

/** For those who come from a run that has stopped: the way back, and on with what they have saved. */
export function FromRun() {
  const { project } = useEditorScope();
  const { run: id } = useSearch({ from: "/projects/$project/workflows/$workflow/edit" });
  const run = useQuery({ ...runQuery(project, id ?? ""), enabled: id !== undefined }).data;
  const version = useEditor(({ base }) => base?.version ?? 0);
  const dirty = useEditor((_, store) => store.dirty);
  if (!run || (run.status !== "FAILED" && run.status !== "CANCELLED")) return null;
  const ready = !dirty && version > run.version;
  const look = ready ? "bg-accent px-3 text-accent-ink shadow-card" : "px-3 text-ink-2 hover:bg-hover hover:text-ink";
  const what = run.status === "FAILED" ? `failed${run.error?.node_id ? ` at “${run.error.node_id}”` : ""}` : "was cancelled";
  return (
    <Notice
      icon="retry"
      text={ready ? `Version ${version} is saved. The run that ${what} can go on with it.` : `The run ${what}, on version ${run.version}. Save a version that mends it, and the run can go on with that.`}
    >
      <Link to="/projects/$project/runs/$run" params={{ project, run: run.id }} search={ready ? { ask: "retry", version } : {}} className={`inline-flex h-8 items-center rounded-lg font-medium ${look}`}>
        {ready ? `Retry the run on v${version}` : "Back to the run"}
      </Link>
    </Notice>
  );
}
