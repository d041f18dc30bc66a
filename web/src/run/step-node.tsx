import { Handle, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import type { StepNode as Step } from "../graph/to-flow";
import { type Lap, lastLap, statusOf } from "../stream/state";
import { Countdown } from "../ui/countdown";
import { Ring } from "../ui/ring";
import { StatusIcon, statusWord } from "../ui/status";
import { between, span } from "../ui/time";
import { useNow } from "../ui/use-now";
import { useNode } from "./run-context";

export const StepNode = memo(function StepNode({ data, selected }: NodeProps<Step>) {
  const { node, vertical } = data;
  const view = useNode(node.id);
  const status = statusOf(view);
  const lap = lastLap(view);
  const laps = view?.laps.length ?? 0;
  return (
    <>
      <Handle type="target" position={vertical ? Position.Top : Position.Left} isConnectable={false} />
      <div className={`step ${selected ? "chosen" : ""}`} data-status={status} data-node={node.id}>
        {lap?.progress?.total && status === "RUNNING" ? <Ring progress={lap.progress} size={18} /> : <StatusIcon status={status} size={18} />}
        <span className="min-w-0 grow">
          <span className="step-name block truncate text-[13px] leading-[1.35] font-semibold">{node.name || node.id}</span>
          <span className="block truncate text-[11px] leading-[1.4] text-ink-3">
            <span className="sr-only">{statusWord(status)}. </span>
            {node.type}
            <Detail lap={lap} laps={laps} />
          </span>
        </span>
        {laps > 1 && (
          <span className="shrink-0 rounded-md bg-accent-soft px-1.5 py-px text-[10px] font-semibold text-accent tabular-nums" title={`${laps} laps`}>
            ×{laps}
          </span>
        )}
      </div>
      <Handle type="source" position={vertical ? Position.Bottom : Position.Right} isConnectable={false} />
    </>
  );
});

function Detail({ lap, laps }: { lap: Lap | undefined; laps: number }) {
  if (!lap) return null;
  if (lap.status === "RUNNING") return <Running lap={lap} />;
  if (lap.status === "FAILED") return <> · {lap.error?.message ?? lap.reason?.message ?? "failed"}</>;
  if (lap.status === "RETRYING") return <> · attempt {lap.attempt} failed, again {lap.wakeAt ? <>in <Countdown until={lap.wakeAt} past="a moment" /></> : "soon"}</>;
  if (lap.status === "WAITING") return <Waits lap={lap} />;
  if (lap.status === "SKIPPED") return <> · {laps > 1 && "last: "}{lap.reason?.code === "branch_not_taken" ? "not taken" : "skipped"}</>;
  if (lap.status === "CANCELLED") return <> · cancelled</>;
  if (lap.made) return <> · {lap.made}</>;
  return lap.durationMs === null ? null : <> · {span(lap.durationMs)}</>;
}

const WAITS_FOR: Record<string, string> = {
  waiting_for_approval: "waits for an answer",
  breakpoint: "stopped here",
  waiting_for_run: "waits for a run",
};

function Waits({ lap }: { lap: Lap }) {
  const { done, total } = lap.progress ?? {};
  const words = WAITS_FOR[lap.reason?.code ?? ""];
  return (
    <>
      {done !== undefined && total !== undefined && ` · ${done}/${total}`}
      {" · "}
      {words ?? (lap.wakeAt ? <>goes on in <Countdown until={lap.wakeAt} past="a moment" /></> : "waits")}
    </>
  );
}

function Running({ lap }: { lap: Lap }) {
  const now = useNow(250);
  const took = between(lap.startedAt, null, now);
  const { done, total } = lap.progress ?? {};
  return (
    <span className="tabular-nums">
      {" "}
      · {took === null ? "running" : span(took)}
      {done !== undefined && total !== undefined && ` · ${done}/${total}`}
      {lap.attempt > 1 && ` · attempt ${lap.attempt}`}
    </span>
  );
}
