import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { Button } from "../ui/button";
import { PageHead } from "../ui/page-head";
import { Empty, ErrorBox, Skeleton } from "../ui/states";
import { pairs } from "./compare";
import { NodePairs } from "./node-pairs";
import { useWhole, type Whole } from "./queries";
import { RunSide } from "./run-side";
import { TwoValues } from "./two-values";

const ROUTE = "/projects/$project/compare";

/** Two runs beside each other: what went in, what came out, and where they parted. */
export function ComparePage() {
  const { project } = useParams({ from: ROUTE });
  const { a, b } = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const [first, second] = [useWhole(project, a), useWhole(project, b)];
  const workflow = first.whole?.run.workflow_id ?? second.whole?.run.workflow_id;
  const pick = (side: "a" | "b", id: string) => void navigate({ search: (before) => ({ ...before, [side]: id }), replace: true });
  const failed = first.error ?? second.error;
  return (
    <>
      <title>Compare runs · Graphwright</title>
      <PageHead title="Compare runs">
        <Button icon="compare" disabled={!a || !b} onClick={() => void navigate({ search: { ...(b ? { a: b } : {}), ...(a ? { b: a } : {}) }, replace: true })}>
          Swap
        </Button>
      </PageHead>
      <div className="space-y-7 p-5">
        <div className="grid gap-5 md:grid-cols-2">
          <RunSide label="First run" project={project} id={a} run={first.whole?.run} workflow={workflow} onPick={(id) => pick("a", id)} />
          <RunSide label="Second run" project={project} id={b} run={second.whole?.run} workflow={workflow} onPick={(id) => pick("b", id)} />
        </div>
        {failed && <ErrorBox error={failed} retry={() => [first, second].forEach(({ again }) => again())} />}
        {!failed && a && b && !(first.whole && second.whole) && <Skeleton rows={6} />}
        {!failed && !(a && b) && (
          <Empty icon="compare" title="Choose two runs">
            See where they parted: their input, their result, and each node beside the other.
          </Empty>
        )}
        {first.whole && second.whole && <Both a={first.whole} b={second.whole} />}
      </div>
    </>
  );
}

function Both({ a, b }: { a: Whole; b: Whole }) {
  const found = useMemo(() => pairs(a, b), [a, b]);
  return (
    <>
      <NodePairs pairs={found} />
      <TwoValues title="Result" a={resultOf(a)} b={resultOf(b)} />
      <TwoValues title="Input" a={a.run.input} b={b.run.input} />
    </>
  );
}

function resultOf({ run }: Whole): unknown {
  return run.error ? { error: run.error.message } : run.result;
}
