import { EdgeLabelRenderer, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import type { FlowEdge } from "../graph/to-flow";
import type { RunStore } from "../stream/run-store";
import { lastLap, statusOf } from "../stream/state";
import { useRunScope, useStore } from "./run-context";

type Look = "open" | "taken" | "dead" | "broken" | "flowing";

/** An edge along the line that the layout has found, in the style of what has become of it. */
export const Wire = memo(function Wire({ source, target, data }: EdgeProps<FlowEdge>) {
  const { store } = useRunScope();
  const fate = useStore(store, (known) => look(known, source, target, data?.index ?? -1));
  if (!data) return null;
  const { path, tip, label, labelBox, full } = data;
  return (
    <>
      <path d={path} className="wire" data-fate={fate} data-edge={data.index} />
      {tip && <path d="M0,0L-8,-4.4L-8,4.4z" className="wire-tip" data-fate={fate} transform={`translate(${tip.x},${tip.y}) rotate(${tip.angle})`} />}
      {label && labelBox && (
        <EdgeLabelRenderer>
          <div
            title={full}
            className="nodrag nopan pointer-events-auto absolute z-[1]"
            style={{ transform: `translate(${labelBox.x}px,${labelBox.y}px)`, width: labelBox.width, height: labelBox.height }}
          >
            <span className="wire-label" data-fate={fate}>
              {label}
            </span>
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

/** What has become of an edge. */
export function look(store: RunStore, source: string, target: string, index: number): Look {
  const from = store.node(source);
  const fate = from?.edges[String(index)];
  if (fate === "taken" && statusOf(store.node(target)) === "RUNNING") return "flowing";
  if (fate) return fate;
  const lap = lastLap(from);
  if (lap?.status !== "SKIPPED") return "open";
  return lap.reason?.code === "upstream_failed" ? "broken" : "dead";
}
