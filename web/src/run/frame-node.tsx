import { EdgeLabelRenderer, type NodeProps } from "@xyflow/react";
import { memo } from "react";
import type { FrameNode as Frame } from "../graph/to-flow";
import { Icon } from "../ui/icons";
import { useNode } from "./run-context";

/** The frame around a loop, with the laps it has made: the frame behind the edges, the words before them. */
export const FrameNode = memo(function FrameNode({ data, positionAbsoluteX: x, positionAbsoluteY: y }: NodeProps<Frame>) {
  const view = useNode(data.loop.header);
  const last = view?.laps.at(-1);
  const lap = last ? (last.path.at(-1) ?? last.iteration) + 1 : 0;
  return (
    <>
      <div className="frame" data-loop={data.loop.header} />
      <EdgeLabelRenderer>
        <div
          className="absolute z-[1] flex items-center gap-1.5 rounded-full bg-raised py-px pr-0.5 pl-2 text-[11px] font-semibold whitespace-nowrap text-accent"
          style={{ transform: `translate(${x + 12}px,${y + 10}px)` }}
        >
          <Icon name="loop" size={13} />
          {data.title}
          <span className="rounded-full bg-accent-soft px-2 py-px tabular-nums" title={`At most ${data.limit} laps`}>
            {lap === 0 ? `at most ${data.limit} laps` : `lap ${lap} of at most ${data.limit}`}
          </span>
        </div>
      </EdgeLabelRenderer>
    </>
  );
});
