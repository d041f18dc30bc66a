import { Link } from "@tanstack/react-router";
import { useId } from "react";
import type { Approval } from "../api/approvals";
import { ApprovalForm } from "../run/approval";
import { useResumeOf } from "../run/use-resume";
import { Countdown } from "../ui/countdown";
import { Icon } from "../ui/icons";
import { StatusIcon } from "../ui/status";
import { ago, clock } from "../ui/time";
import { useNow } from "../ui/use-now";

interface Props {
  project: string;
  approval: Approval;
  open: boolean;
  onOpen: (open: boolean) => void;
  onSent: () => void;
}

export function ApprovalCard({ project, approval, open, onOpen, onSent }: Props) {
  const { run_id, node_id, node_name, iteration, item, reason, waiting_since, wake_at } = approval;
  const now = useNow(30_000);
  const body = useId();
  return (
    <li data-status="WAITING" data-approval-of={run_id} className="overflow-hidden rounded-xl border border-line shadow-card">
      <h2>
        <button type="button" aria-expanded={open} aria-controls={body} onClick={() => onOpen(!open)} className="flex w-full items-center gap-3 px-4 py-3 text-left -outline-offset-2 hover:bg-hover">
          <StatusIcon status="WAITING" size={16} />
          <span className="min-w-0 grow">
            <span className="block truncate font-semibold">
              {node_name ?? node_id}
              {item && <span className="font-normal text-ink-2"> · item {item.join(".")}</span>}
              {iteration > 0 && <span className="font-normal text-ink-2"> · lap {iteration + 1}</span>}
            </span>
            <span className="block truncate text-xs text-ink-3">
              {approval.workflow_name}
              {waiting_since && <span title={clock(waiting_since)}> · {ago(waiting_since, now)}</span>}
              {!open && reason.prompt && ` · ${reason.prompt}`}
            </span>
          </span>
          {wake_at && (
            <span className="shrink-0 text-xs text-(--st)">
              <Countdown until={wake_at} past="No time" /> left
            </span>
          )}
          <Icon name={open ? "down" : "chevron"} size={13} className="text-ink-3" />
        </button>
      </h2>
      <div id={body} hidden={!open} className="border-t border-line px-4 py-4">
        {open && <Body project={project} approval={approval} onSent={onSent} />}
        <Link to="/projects/$project/runs/$run" params={{ project, run: run_id }} search={{ node: node_id, ...(iteration > 0 ? { iteration } : {}) }} className="mt-4 inline-block text-xs font-medium text-accent hover:underline">
          Open the run at this node
        </Link>
      </div>
    </li>
  );
}

function Body({ project, approval, onSent }: Pick<Props, "project" | "approval" | "onSent">) {
  const resume = useResumeOf(project, approval.run_id, onSent);
  const { node_id, iteration, item, reason, wake_at } = approval;
  return <ApprovalForm node={node_id} iteration={iteration} {...(item ? { item } : {})} reason={reason} wakeAt={wake_at} resume={resume} />;
}
