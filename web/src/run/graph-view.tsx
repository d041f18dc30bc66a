import { Background, type EdgeTypes, getViewportForBounds, type NodeTypes, ReactFlow, ReactFlowProvider, useOnViewportChange, useReactFlow } from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { bestDirection } from "../graph/direction";
import { type Direction, NODE_HEIGHT, NODE_WIDTH } from "../graph/elk-graph";
import { layoutEngine } from "../graph/engine";
import "../graph/graph.css";
import { type Layout, layoutOf } from "../graph/layout";
import { FAR_ZOOM, Motion } from "../graph/motion";
import { MOST_DRAWN, nodeAt } from "../graph/picture";
import { type FlowEdge, type FlowNode, toFlow } from "../graph/to-flow";
import { Button, Spinner } from "../ui/button";
import { ErrorBox } from "../ui/states";
import { FarPicture } from "./far-picture";
import { FrameNode } from "./frame-node";
import { useRunScope } from "./run-context";
import { StepNode } from "./step-node";
import { Wire } from "./wire";

const NODE_TYPES: NodeTypes = { step: StepNode, frame: FrameNode };
const EDGE_TYPES: EdgeTypes = { wire: Wire };
const NO_NODES: FlowNode[] = [];
const NO_EDGES: FlowEdge[] = [];
const MIN_ZOOM = 0.05;
const FIT_ZOOM = 1.1;
/** Room for the tools at the bottom. */
const TOP = 52;
const EDGE = 28;
const FIT_PADDING = { x: `${EDGE}px`, top: `${TOP}px`, bottom: "68px" } as const;
const READABLE = 0.5;
const LEGIBLE = 0.62;
const NARROW = 500;

interface Props {
  chosen: string | null;
  onChoose: (id: string | null) => void;
  following: boolean;
  onFollow: () => void;
}

interface Pane {
  width: number;
  height: number;
}

export function GraphView(props: Props) {
  const [pane, setPane] = useState<Pane | null>(null);
  const measure = useCallback((box: HTMLDivElement | null) => {
    if (box) setPane((before) => before ?? { width: box.clientWidth, height: box.clientHeight });
  }, []);
  return (
    <div ref={measure} className="graph-pane h-full">
      {pane && <Drawn {...props} pane={pane} />}
    </div>
  );
}

function Drawn({ pane, ...props }: Props & { pane: Pane }) {
  const { graph } = useRunScope();
  const direction = useMemo<Direction>(() => bestDirection(graph, pane), [graph, pane]);
  const [layout, setLayout] = useState<Layout | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let over = false;
    layoutOf(graph, direction, layoutEngine).then(
      (found) => !over && setLayout(found),
      (cause: unknown) => !over && setError(cause),
    );
    return () => {
      over = true;
    };
  }, [graph, direction]);

  if (error) return <div className="p-5"><ErrorBox error={error} /></div>;
  if (!layout) {
    return (
      <div role="status" className="graph grid h-full place-items-center text-ink-3">
        <span className="flex items-center gap-2">
          <Spinner /> Laying out {graph.nodes.length.toLocaleString()} nodes
        </span>
      </div>
    );
  }
  return (
    <ReactFlowProvider>
      <Canvas {...props} layout={layout} vertical={direction === "DOWN"} />
    </ReactFlowProvider>
  );
}

function Canvas({ chosen, onChoose, following, onFollow, layout, vertical }: Props & { layout: Layout; vertical: boolean }) {
  const { graph } = useRunScope();
  const flow = useMemo(() => toFlow(graph, layout, vertical), [graph, layout, vertical]);
  const nodes = useMemo(() => flow.nodes.map((node) => (node.id === chosen ? { ...node, selected: true } : node)), [flow, chosen]);
  const [opening] = useState(() => openingView(layout));
  const flowing = useReactFlow();
  const asPicture = useFar(opening.zoom) && graph.nodes.length > MOST_DRAWN;
  useCamera(layout, chosen);
  return (
    <ReactFlow<FlowNode>
      className="graph"
      nodes={asPicture ? NO_NODES : nodes}
      edges={asPicture ? NO_EDGES : flow.edges}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
      onNodeClick={(_, node) => node.type === "step" && onChoose(node.id)}
      onNodesChange={(changes) => {
        const picked = changes.find((change) => change.type === "select" && change.selected);
        if (picked && "id" in picked) onChoose(picked.id);
      }}
      onPaneClick={({ clientX, clientY }) => onChoose(asPicture ? nodeAt(layout, flowing.screenToFlowPosition({ x: clientX, y: clientY })) : null)}
      defaultViewport={opening}
      minZoom={MIN_ZOOM}
      maxZoom={1.8}
      onlyRenderVisibleElements
      nodesDraggable={false}
      nodesConnectable={false}
      edgesFocusable={false}
      zoomOnDoubleClick={false}
      deleteKeyCode={null}
      multiSelectionKeyCode={null}
      selectionKeyCode={null}
      panOnDrag
      aria-label="The graph of this run"
    >
      <Background gap={22} size={1.4} />
      <Motion />
      {asPicture && <FarPicture layout={layout} chosen={chosen} />}
      <Tools layout={layout} following={following} onFollow={onFollow} />
    </ReactFlow>
  );
}

/** Whether the graph is seen from so far that nothing on it can be read. */
function useFar(opening: number): boolean {
  const [far, setFar] = useState(opening < FAR_ZOOM);
  const onChange = useCallback(({ zoom }: { zoom: number }) => setFar(zoom < FAR_ZOOM), []);
  useOnViewportChange({ onChange, onEnd: onChange });
  return far;
}

function wholeView(layout: Layout) {
  const pane = document.querySelector(".graph-pane");
  const bounds = { x: 0, y: 0, width: layout.width, height: layout.height };
  return getViewportForBounds(bounds, pane?.clientWidth ?? 1, pane?.clientHeight ?? 1, MIN_ZOOM, FIT_ZOOM, FIT_PADDING);
}

/** The whole; where that would be too small to be read, on a phone, its beginning. */
function openingView(layout: Layout) {
  const whole = wholeView(layout);
  const width = document.querySelector(".graph-pane")?.clientWidth ?? NARROW;
  const [first] = [...layout.nodes.values()].sort((a, b) => a.y - b.y || a.x - b.x);
  if (!first || width >= NARROW || whole.zoom >= LEGIBLE || layout.nodes.size > MOST_DRAWN) return whole;
  const room = width - layout.width * LEGIBLE;
  const x = room > 0 ? room / 2 : Math.min(EDGE, Math.max(room - EDGE, width / 2 - (first.x + first.width / 2) * LEGIBLE));
  return { x, y: TOP - first.y * LEGIBLE, zoom: LEGIBLE };
}

/** Keeps the chosen node in sight, without moving what is already seen. */
function useCamera(layout: Layout, chosen: string | null): void {
  const flow = useReactFlow();
  const first = useRef(true);
  useEffect(() => {
    const box = chosen === null ? undefined : layout.nodes.get(chosen);
    if (!box) return;
    const opening = first.current;
    first.current = false;
    const timer = setTimeout(() => {
      const pane = document.querySelector(".graph-pane")?.getBoundingClientRect();
      if (!pane) return;
      const topLeft = flow.flowToScreenPosition(box);
      const end = flow.flowToScreenPosition({ x: box.x + NODE_WIDTH, y: box.y + NODE_HEIGHT });
      const seen = topLeft.x >= pane.left && topLeft.y >= pane.top && end.x <= pane.right && end.y <= pane.bottom;
      const zoom = flow.getZoom();
      if (seen && (!opening || zoom >= READABLE)) return;
      const center = { x: box.x + NODE_WIDTH / 2, y: box.y + NODE_HEIGHT / 2 };
      void flow.setCenter(center.x, center.y, { zoom: Math.max(zoom, opening ? 0.85 : READABLE), duration: opening ? 0 : 300 });
    }, 60);
    return () => clearTimeout(timer);
  }, [layout, chosen, flow]);
}

function Tools({ layout, following, onFollow }: { layout: Layout; following: boolean; onFollow: () => void }) {
  const flow = useReactFlow();
  return (
    <div className="absolute bottom-3 left-3 z-10 flex gap-1 rounded-xl border border-line bg-raised p-1 shadow-card">
      <Button kind="quiet" icon="minus" aria-label="Zoom out" title="Zoom out" onClick={() => void flow.zoomOut({ duration: 150 })} />
      <Button kind="quiet" icon="plus" aria-label="Zoom in" title="Zoom in" onClick={() => void flow.zoomIn({ duration: 150 })} />
      <Button kind="quiet" icon="fit" aria-label="Fit the graph" title="Fit the graph" onClick={() => void flow.setViewport(wholeView(layout), { duration: 250 })} />
      <Button kind="quiet" icon="target" aria-pressed={following} onClick={onFollow} className={following ? "!text-accent" : ""} title="Show the node that is at work or has failed">
        Follow
      </Button>
    </div>
  );
}
