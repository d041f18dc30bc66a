import { EdgeLabelRenderer, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import type { WireEdge } from "./flow";

export const Wire = memo(function Wire({ data, selected, targetX, targetY }: EdgeProps<WireEdge>) {
  if (!data) return null;
  const { line, label, full, error, problems, index } = data;
  const look = { "data-chosen": selected || undefined, "data-error": error || undefined, "data-wrong": problems.length > 0 || undefined };
  return (
    <>
      <path d={line.path} className="react-flow__edge-interaction" fill="none" strokeOpacity={0} strokeWidth={18} />
      <path d={line.path} className="wire" data-edge={index} {...look}>
        {problems.length > 0 && <title>{problems.join("\n")}</title>}
      </path>
      <path d="M0,0L-8,-4.4L-8,4.4z" className="wire-tip" {...look} transform={`translate(${targetX},${targetY}) rotate(${line.angle})`} />
      {label !== null && (
        <EdgeLabelRenderer>
          <span title={full} className="wire-label wire-tag" {...look} style={{ transform: `translate(-50%,-50%) translate(${line.label.x}px,${line.label.y}px)` }}>
            {label}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
