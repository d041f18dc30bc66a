import { EdgeLabelRenderer, type EdgeProps, useStore } from "@xyflow/react";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { labelWidth } from "../graph/elk-graph";
import { Icon } from "../ui/icons";
import type { Place } from "./edits";
import type { WireEdge } from "./flow";
import { useCanvas, useCarried, useFloor } from "./moving";
import { lineAt } from "./wires";

type Data = NonNullable<WireEdge["data"]>;

export const Wire = memo(function Wire({ data, ...rest }: EdgeProps<WireEdge>) {
  return data ? <Drawn {...rest} data={data} /> : null;
});

function Drawn({ data, selected, source, target, targetX, targetY }: Pick<EdgeProps<WireEdge>, "selected" | "source" | "target" | "targetX" | "targetY"> & { data: Data }) {
  const { shape, label, full, error, problems, index } = data;
  const [begin, end, floor] = [useCarried(source), useCarried(target), useFloor(index)];
  const line = useMemo(() => lineAt(shape, begin ?? data.from, end ?? data.to, floor ?? data.floor), [shape, begin, end, floor, data]);
  const [under, setUnder] = useState(false);
  const { near, hover } = useNear();
  const look = { "data-chosen": selected || undefined, "data-error": error || undefined, "data-wrong": problems.length > 0 || undefined, "data-under": under || undefined };
  return (
    <>
      <g {...hover} onDragEnter={() => setUnder(true)} onDragLeave={() => setUnder(false)} onDrop={() => setUnder(false)}>
        <path d={line.path} className="react-flow__edge-interaction" fill="none" strokeOpacity={0} strokeWidth={18} />
        <path d={line.path} className="wire" data-edge={index} {...look}>
          {problems.length > 0 && <title>{problems.join("\n")}</title>}
        </path>
      </g>
      <path d="M0,0L-8,-4.4L-8,4.4z" className="wire-tip" {...look} transform={`translate(${targetX},${targetY}) rotate(${line.angle})`} />
      {label !== null && (
        <EdgeLabelRenderer>
          <span title={full} className="wire-label wire-tag" {...look} style={{ transform: `translate(-50%,-50%) translate(${line.label.x}px,${line.label.y}px)` }}>
            {label}
          </span>
        </EdgeLabelRenderer>
      )}
      {(near || selected) && !begin && !end && <Plus index={index} name={`${source} → ${target}`} at={line.label} aside={label === null ? 0 : labelWidth(label) / 2 + 14} hover={hover} />}
    </>
  );
}

const AWAY_MS = 220;
const LEAST_ZOOM = 0.85;
const HALF = 10;

/** Whether the mouse is at an edge, or has just been: long enough to reach what stands on it. */
function useNear() {
  const [near, setNear] = useState(false);
  const leaving = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(leaving.current), []);
  const hover = useMemo(
    () => ({
      onMouseEnter: () => {
        clearTimeout(leaving.current);
        setNear(true);
      },
      onMouseLeave: () => {
        clearTimeout(leaving.current);
        leaving.current = setTimeout(() => setNear(false), AWAY_MS);
      },
    }),
    [],
  );
  return { near, hover };
}

interface PlusProps {
  index: number;
  name: string;
  at: Place;
  /** How far beside the middle, where the label stands. */
  aside: number;
  hover: ReturnType<typeof useNear>["hover"];
}

function Plus({ index, name, at, aside, hover }: PlusProps) {
  const { insert } = useCanvas();
  // As large from afar as it is near: there is something to hit.
  const scale = useStore((flow) => Math.max(1, LEAST_ZOOM / flow.transform[2]));
  if (!insert) return null;
  return (
    <EdgeLabelRenderer>
      <button
        type="button"
        aria-label={`Put a node onto ${name}`}
        title="Put a node here (A)"
        className="wire-plus nodrag nopan"
        style={{ transform: `translate(-50%,-50%) translate(${at.x + aside + (aside > 0 ? HALF * (scale - 1) : 0)}px,${at.y}px) scale(${scale})` }}
        {...hover}
        onClick={(event) => {
          event.stopPropagation();
          insert(index, at);
        }}
      >
        <Icon name="plus" size={12} />
      </button>
    </EdgeLabelRenderer>
  );
}
