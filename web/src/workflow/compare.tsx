import { useQuery } from "@tanstack/react-query";
import type { Workflow } from "../api/types";
import { diffQuery } from "../api/workflow";
import { Empty, Failed, Skeleton } from "../ui/states";
import { DiffView } from "./diff-view";

export function Compare({ workflow, shown }: { workflow: Workflow; shown: { from: number; to: number } | null }) {
  if (!shown) {
    return (
      <Empty icon="versions" title="One version so far">
        Each change of the graph makes the next one. Runs stay on the version that they began with.
      </Empty>
    );
  }
  return <Between workflow={workflow} {...shown} />;
}

function Between({ workflow, from, to }: { workflow: Workflow; from: number; to: number }) {
  const diff = useQuery(diffQuery(workflow.project_id, workflow.id, from, to));
  return (
    <section aria-label={`Changes from version ${from} to ${to}`} className="p-5">
      <h2 className="mb-4 font-semibold">
        Version {from} → {to}
      </h2>
      {diff.isPending && <Skeleton rows={3} />}
      {diff.isError && <Failed error={diff.error} retry={() => void diff.refetch()} what="these versions" />}
      {diff.data && <DiffView changes={diff.data} />}
    </section>
  );
}
