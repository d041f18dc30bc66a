import { useReactFlow, useStore } from "@xyflow/react";
import { memo, type PointerEvent, useCallback, useEffect, useRef } from "react";
import { grouped } from "../graph/picture";
import type { Bounds } from "./camera";
import type { FlowNode } from "./flow";

const WIDTH = 200;
const TALLEST = 140;
const LOWEST = 60;
const MARGIN = 6;

/** The whole graph, small, with what is in sight; pressed or dragged it leads there, turned over it zooms. */
export function Overview({ nodes, bounds }: { nodes: readonly FlowNode[]; bounds: Bounds }) {
  const rf = useReactFlow();
  const box = useRef<SVGSVGElement>(null);
  const left = useStore((flow) => -flow.transform[0] / flow.transform[2]);
  const top = useStore((flow) => -flow.transform[1] / flow.transform[2]);
  const right = useStore((flow) => (flow.width - flow.transform[0]) / flow.transform[2]);
  const bottom = useStore((flow) => (flow.height - flow.transform[1]) / flow.transform[2]);
  const height = Math.round(Math.max(LOWEST, Math.min(TALLEST, (WIDTH * bounds.height) / bounds.width + 2 * MARGIN)));
  const scale = Math.max(bounds.width / (WIDTH - 2 * MARGIN), bounds.height / (height - 2 * MARGIN));
  const view = { x: bounds.x - (WIDTH * scale - bounds.width) / 2, y: bounds.y - (height * scale - bounds.height) / 2, width: WIDTH * scale, height: height * scale };
  const lead = (event: PointerEvent<SVGSVGElement>) => {
    const there = event.currentTarget.getBoundingClientRect();
    void rf.setCenter(view.x + ((event.clientX - there.left) / there.width) * view.width, view.y + ((event.clientY - there.top) / there.height) * view.height, { zoom: rf.getZoom() });
  };
  const turn = useCallback((event: WheelEvent) => {
    event.preventDefault();
    event.stopPropagation();
    void rf.zoomTo(rf.getZoom() * 2 ** (-event.deltaY * 0.002));
  }, [rf]);
  useEffect(() => {
    const there = box.current;
    there?.addEventListener("wheel", turn, { passive: false });
    return () => there?.removeEventListener("wheel", turn);
  }, [turn]);
  const frame = `M${left},${top}H${right}V${bottom}H${left}z`;
  return (
    <svg
      ref={box}
      role="img"
      aria-label="The whole graph"
      width={WIDTH}
      height={height}
      viewBox={`${view.x} ${view.y} ${view.width} ${view.height}`}
      className="overview nopan nowheel max-md:hidden"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        lead(event);
      }}
      onPointerMove={(event) => event.buttons > 0 && lead(event)}
    >
      <Pieces nodes={nodes} />
      <path d={`M${view.x},${view.y}h${view.width}v${view.height}h${-view.width}z${frame}`} fillRule="evenodd" className="overview-rest" />
      <path d={frame} className="overview-view" strokeWidth={1.5 * scale} />
    </svg>
  );
}

const Pieces = memo(function Pieces({ nodes }: { nodes: readonly FlowNode[] }) {
  const lines = grouped(
    nodes.filter(({ type }) => type === "step"),
    ({ selected }) => (selected ? "chosen" : "plain"),
    ({ position: { x, y }, width = 0, height = 0 }) => `M${x},${y}h${width}v${height}h${-width}z`,
  );
  return [...lines].map(([look, line]) => <path key={look} d={line} className="overview-pieces" data-look={look} />);
});
