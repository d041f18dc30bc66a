import type { ReactNode } from "react";
import type { GraphNode, Reason } from "../api/types";
import type { Lap } from "../stream/state";
import { CopyButton } from "../ui/copy-button";
import { Countdown } from "../ui/countdown";
import { StatusIcon } from "../ui/status";
import { Approval } from "./approval";
import { ChildRuns } from "./child-runs";
import { RunLink } from "./origin";
import { StopBox } from "./stop-box";
import { useRunScope } from "./run-context";

/** What a node waits for, and what one can do about it. */
export function WaitBox({ node, lap }: { node: GraphNode; lap: Lap }) {
  const { project } = useRunScope();
  const reason: Reason = lap.reason ?? { code: "waiting", message: "The node waits." };
  const turn = `${lap.iteration}/${lap.attempt}`;
  if (node.type === "map") return reason.code === "waiting_for_approval" ? null : <Box title={waitingItems(reason)} />;
  if (reason.code === "waiting_for_approval") {
    return (
      <Box title="Waits for an answer">
        <Approval key={turn} node={node.id} iteration={lap.iteration} reason={reason} wakeAt={lap.wakeAt} />
      </Box>
    );
  }
  if (reason.code === "breakpoint") {
    return (
      <Box title="The run stops before this node">
        <StopBox key={turn} node={node.id} iteration={lap.iteration} />
      </Box>
    );
  }
  if (reason.code === "waiting_for_run") {
    return (
      <Box title="Waits for another run">
        <ChildRuns node={node.id} lap={lap}>
          {reason.run_id && (
            <RunLink project={project} run={reason.run_id} className="block py-1.5 font-medium text-accent hover:underline">
              Open the run
            </RunLink>
          )}
        </ChildRuns>
      </Box>
    );
  }
  if (reason.code === "waiting_for_worker") return <Box title={`Waits for a worker of the queue ${node.queue}`}><NoWorker reason={reason} queue={String(node.queue)} /></Box>;
  return <Box title={lap.wakeAt ? <span>Goes on in <Countdown until={lap.wakeAt} past="a moment" /></span> : reason.message} />;
}

/** What can be done where nobody serves a queue. */
function NoWorker({ reason, queue }: { reason: Reason; queue: string }) {
  const command = `graphwright worker --queues ${queue}`;
  return (
    <div className="space-y-2">
      <p className="text-ink-2">{reason.message.replaceAll("`", "")}</p>
      <p className="flex items-center gap-1 rounded-lg border border-line bg-sunken pl-3">
        <code className="min-w-0 grow truncate font-mono text-xs">{command}</code>
        <CopyButton label="Copy the command" text={() => command} />
      </p>
    </div>
  );
}

function waitingItems(reason: Reason): string {
  const count = reason.waiting ?? 1;
  return count === 1 ? "One item waits" : `${count.toLocaleString()} items wait`;
}

function Box({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <section data-status="WAITING" data-wait aria-label="Waiting" className="rounded-xl border border-(--st)/35 bg-(--st-soft)/45">
      <h3 className="flex items-center gap-2 px-3.5 py-2.5 font-semibold">
        <StatusIcon status="WAITING" size={15} />
        {title}
      </h3>
      {children && <div className="border-t border-(--st)/20 px-3.5 py-3">{children}</div>}
    </section>
  );
}
