import { Link } from "@tanstack/react-router";
import { useMay } from "../api/me";
import type { Run } from "../api/types";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { useRunScope } from "./run-context";

/** What one can do about a node when its run has stopped. */
export function NodeActions({ run, node, ran }: { run: Run; node: string; ran: boolean }) {
  const { project, ask } = useRunScope();
  const editor = useMay().may("editor");
  const stopped = run.status === "FAILED" || run.status === "CANCELLED";
  return (
    <div role="group" aria-label="Actions on this node" className="flex flex-wrap gap-2">
      {stopped && ran && (
        <Button icon="retry" needs="runner" onClick={() => ask("retry", { from: node })}>
          Retry from here
        </Button>
      )}
      {run.status !== "PENDING" && (
        <Button icon="fork" needs="runner" onClick={() => ask("fork", { from: node })}>
          Fork from here
        </Button>
      )}
      <Link
        to="/projects/$project/workflows/$workflow/edit"
        params={{ project, workflow: run.workflow_id }}
        search={{ node, run: run.id }}
        className="inline-flex h-8 items-center gap-1.5 rounded-lg border border-line-strong bg-surface px-3 text-[13px] font-medium shadow-card hover:bg-hover"
      >
        <Icon name="edit" size={15} />
        {!editor ? "Look at it in the editor" : run.status === "FAILED" ? "Mend in the editor" : "Edit"}
      </Link>
    </div>
  );
}
