import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { Approval } from "../api/approvals";
import { Button } from "../ui/button";
import { LiveBadge } from "../ui/live-badge";
import { PageHead } from "../ui/page-head";
import { Empty, Failed, Skeleton } from "../ui/states";
import { StatusIcon } from "../ui/status";
import { ApprovalCard } from "./approval-card";
import { useApprovals } from "./use-approvals";

/** Everything in a project that waits for an answer, with the forms to give it. */
export function ApprovalsPage() {
  const { project } = useParams({ from: "/projects/$project/approvals" });
  const { approvals, connection } = useApprovals(project);
  const [sent, setSent] = useState<Approval | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const items = approvals.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = open ?? (items[0] ? keyOf(items[0]) : null);
  const answered = (approval: Approval) => {
    setSent(approval);
    setOpen(null);
  };
  return (
    <>
      <title>Approvals · Graphwright</title>
      <PageHead title="Approvals" badge={<LiveBadge state={connection} />} />
      {approvals.isPending && <Skeleton />}
      {approvals.isError && !approvals.data && <Failed error={approvals.error} retry={() => void approvals.refetch()} what="the approvals" />}
      <div className="mx-auto w-full max-w-3xl px-4 py-5 sm:px-5">
        <Sent project={project} approval={sent} />
        {approvals.data && items.length === 0 && (
          <Empty icon="inbox" title="Nothing waits for an answer">
            A run that comes to an approval waits here, with what it asks. This page shows it as soon as it does.
          </Empty>
        )}
        <ul aria-label="Approvals" className="space-y-3">
          {items.map((approval) => {
            const key = keyOf(approval);
            return <ApprovalCard key={key} project={project} approval={approval} open={key === shown} onOpen={(wanted) => setOpen(wanted ? key : "")} onSent={() => answered(approval)} />;
          })}
        </ul>
        {approvals.hasNextPage && (
          <div className="mt-4 flex justify-center">
            <Button busy={approvals.isFetchingNextPage} onClick={() => void approvals.fetchNextPage()}>
              Load more
            </Button>
          </div>
        )}
      </div>
    </>
  );
}

function Sent({ project, approval }: { project: string; approval: Approval | null }) {
  return (
    <p role="status" className={approval ? "mb-4 flex flex-wrap items-center gap-2" : "sr-only"}>
      {approval && (
        <>
          <StatusIcon status="COMPLETED" size={15} />
          Answer sent to “{approval.node_name ?? approval.node_id}”.
          <Link to="/projects/$project/runs/$run" params={{ project, run: approval.run_id }} className="font-medium text-accent hover:underline">
            Open the run
          </Link>
        </>
      )}
    </p>
  );
}

function keyOf({ run_id, node_id, iteration, item }: Approval): string {
  return `${run_id}/${node_id}/${iteration}/${item?.join(".") ?? ""}`;
}
