import { Handle, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { Icon } from "../ui/icons";
import type { FrameNode as Frame, StepNode as Step } from "./flow";
import { ERROR_PORT, HEAD, IN_PORT, OUT_PORT, portsOf } from "./shape";
import { summaryOf } from "./summary";
import { TypeIcon } from "./type-icon";

export const StepNode = memo(function StepNode({ data, selected }: NodeProps<Step>) {
  const { raw, problems } = data;
  const summary = summaryOf(raw);
  const branches = portsOf(raw).filter((port) => port.branch !== undefined);
  return (
    <>
      <Handle id={IN_PORT} type="target" position={Position.Left} style={{ top: HEAD / 2 }} />
      <div className={`step piece ${selected ? "chosen" : ""}`} data-node={raw.id} data-wrong={problems.length > 0 || undefined}>
        <div className="flex items-center gap-2.5 px-2.5" style={{ height: HEAD - 2 }}>
          <span className="piece-icon">
            <TypeIcon type={raw.type} size={17} />
          </span>
          <span className="min-w-0 grow">
            <span className="step-name block truncate text-[13px] leading-[1.35] font-semibold">{typeof raw.name === "string" && raw.name ? raw.name : raw.id}</span>
            <span className="block truncate text-[11px] leading-[1.4] text-ink-3">
              {raw.type || "no type"}
              {summary && ` · ${summary}`}
            </span>
          </span>
          {problems.length > 0 && (
            <span title={problems.join("\n")} className="piece-problem">
              <Icon name="warning" size={12} />
              {problems.length > 1 && problems.length}
            </span>
          )}
        </div>
        {branches.map(({ id, branch, y }) => (
          <span key={id} className="piece-branch" style={{ top: y - 13 }}>
            {branch}
          </span>
        ))}
      </div>
      <Marks raw={raw} />
      <Handle id={OUT_PORT} type="source" position={Position.Right} style={{ top: HEAD / 2 }} />
      {branches.map(({ id, y }) => (
        <Handle key={id} id={id} type="source" position={Position.Right} style={{ top: y }} />
      ))}
      <Handle id={ERROR_PORT} type="source" position={Position.Bottom} style={{ left: "auto", right: 22 }} className="on-error" title="What follows on an error" />
    </>
  );
});

/** What is unlike the usual: how edges join here, repeats, errors that are let pass. */
function Marks({ raw }: { raw: Step["data"]["raw"] }) {
  const marks = [
    raw.join === "all" || raw.join === "first" ? `join ${raw.join}` : null,
    typeof raw.retry === "object" && raw.retry !== null ? "retry" : null,
    raw.on_error === "continue" ? "goes on after errors" : null,
    typeof raw.queue === "string" && raw.queue !== "default" ? raw.queue : null,
  ].filter((mark) => mark !== null);
  if (marks.length === 0) return null;
  return <span className="piece-marks">{marks.join(" · ")}</span>;
}

export const FrameNode = memo(function FrameNode({ data }: NodeProps<Frame>) {
  return (
    <div className="frame" data-loop={data.header}>
      <div className="mt-2.5 ml-3 inline-flex items-center gap-1.5 rounded-full bg-raised py-px pr-0.5 pl-2 text-[11px] font-semibold text-accent">
        <Icon name="loop" size={13} />
        Loop
        <span className="rounded-full bg-accent-soft px-2 py-px tabular-nums">at most {data.limit} laps</span>
      </div>
    </div>
  );
});
