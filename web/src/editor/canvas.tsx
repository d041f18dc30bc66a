import { Background, type EdgeTypes, type NodeTypes, ReactFlow, SelectionMode, useReactFlow, useStore } from "@xyflow/react";
import { type MouseEvent, useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Spinner } from "../ui/button";
import { boundsOf, MIN_ZOOM, openingView } from "./camera";
import { useCanvasEvents } from "./canvas-events";
import type { Deeds, From } from "./deeds";
import "./editor.css";
import "../graph/graph.css";
import { FAR_ZOOM, Motion } from "../graph/motion";
import { MOST_DRAWN } from "../graph/picture";
import type { Place } from "./edits";
import { idsOf } from "./edits";
import { FarPicture, pieceAt } from "./far-picture";
import { Drawer, type Drawing, type FlowNode, type WireEdge } from "./flow";
import { CanvasContext, Moving } from "./moving";
import { Overview } from "./overview";
import type { Piece } from "./pieces";
import { FrameNode, StepNode } from "./step-node";
import { Tools } from "./tools";
import { useArrangement } from "./use-arrangement";
import { useEditor, useEditorScope } from "./use-editor";
import { useFromAfar } from "./use-from-afar";
import { Wire } from "./wire";

const NODE_TYPES: NodeTypes = { step: StepNode, frame: FrameNode };
const EDGE_TYPES: EdgeTypes = { wire: Wire };
/** Up to so many nodes all are there, for the keyboard to go to. */
const RENDERED = 150;
/** Where a map of the whole is of use. */
const MANY = 12;
const NO_NODES: FlowNode[] = [];
const NO_EDGES: WireEdge[] = [];

interface Props {
  deeds: Deeds;
  pieces: readonly Piece[];
  /** Somebody has drawn an edge into the open. */
  onOpenEnd: (from: From, at: Place) => void;
  /** Somebody wants a node on an edge. */
  onInsert: (edge: number, at: Place) => void;
}

interface Pane {
  width: number;
  height: number;
}

export function Canvas(props: Props) {
  const [pane, setPane] = useState<Pane | null>(null);
  const measure = useCallback((box: HTMLDivElement | null) => {
    if (box) setPane((before) => before ?? { width: box.clientWidth, height: box.clientHeight });
  }, []);
  return (
    <div ref={measure} className="h-full">
      {pane && <LaidOut {...props} pane={pane} />}
    </div>
  );
}

function LaidOut(props: Props & { pane: Pane }) {
  const ready = useArrangement();
  const count = useEditor((_, store) => store.doc.nodes.length);
  if (!ready) {
    return (
      <div role="status" className="canvas grid h-full place-items-center text-ink-3">
        <span className="flex items-center gap-2">
          <Spinner /> Laying out {count.toLocaleString()} nodes
        </span>
      </div>
    );
  }
  return <Surface {...props} />;
}

function Surface({ deeds, pieces, onOpenEnd, onInsert, pane }: Props & { pane: Pane }) {
  const { store, readOnly } = useEditorScope();
  const rf = useReactFlow();
  const far = useStore((flow) => flow.transform[2] < FAR_ZOOM);
  const [drawer] = useState(() => new Drawer());
  const [moving] = useState(() => new Moving());
  const [opening] = useState(() => {
    const bounds = boundsOf(store.doc, store.places);
    const [first] = idsOf(store.get().selection);
    return bounds ? openingView(bounds, pane, first === undefined ? undefined : store.places.get(first)) : { x: 0, y: 0, zoom: 1 };
  });
  const drawing = useDrawing();
  const { doc, places } = drawing;
  const { nodes, edges } = useMemo(() => drawer.draw(drawing), [drawer, drawing]);
  const carried = useSyncExternalStore(moving.subscribe, moving.get);
  const shown = useMemo(() => (carried.size === 0 ? nodes : drawer.carried(nodes, drawing, carried)), [drawer, drawing, nodes, carried]);
  useEffect(() => {
    moving.reckon = (places) => drawer.floorsWith(drawing, places);
  }, [moving, drawer, drawing]);
  const bounds = useMemo(() => boundsOf(doc, places), [doc, places]);
  const events = useCanvasEvents({ deeds, moving, pieces, onOpenEnd });
  const canvas = useMemo(() => ({ moving, insert: readOnly ? null : onInsert }), [moving, readOnly, onInsert]);
  const asPicture = useFromAfar(far, doc.nodes.length > MOST_DRAWN);
  const pressed = useCallback(
    ({ clientX, clientY }: MouseEvent) => {
      const id = asPicture ? pieceAt(nodes, rf.screenToFlowPosition({ x: clientX, y: clientY })) : null;
      store.select(id === null ? { kind: "none" } : { kind: "node", id });
    },
    [asPicture, nodes, rf, store],
  );
  return (
    <CanvasContext value={canvas}>
      <ReactFlow<FlowNode, WireEdge>
        className={far || asPicture ? "canvas far" : "canvas"}
        nodes={asPicture ? NO_NODES : shown}
        edges={asPicture ? NO_EDGES : edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        {...events}
        onPaneClick={pressed}
        defaultViewport={opening}
        minZoom={MIN_ZOOM}
        maxZoom={1.8}
        onlyRenderVisibleElements={doc.nodes.length > RENDERED}
        nodesDraggable={!readOnly}
        nodesConnectable={!readOnly}
        elevateNodesOnSelect={false}
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        selectionMode={SelectionMode.Partial}
        connectionRadius={26}
        aria-label="The graph"
      >
        <Background gap={22} size={1.4} />
        <Motion />
        {asPicture && <FarPicture nodes={nodes} edges={edges} />}
        {doc.nodes.length > MANY && bounds && <Overview nodes={nodes} bounds={bounds} />}
        <Tools deeds={deeds} />
      </ReactFlow>
    </CanvasContext>
  );
}

/** Everything that the canvas shows, but for what is being dragged. */
function useDrawing(): Drawing {
  const { readOnly } = useEditorScope();
  const doc = useEditor((_, known) => known.doc);
  const places = useEditor((_, known) => known.places);
  const laid = useEditor((state) => state.laid);
  const plan = useEditor((state) => state.plan);
  const problems = useEditor((state) => state.problems);
  const selection = useEditor((state) => state.selection);
  return useMemo(() => ({ doc, places, laid, plan, problems, selection, readOnly }), [doc, places, laid, plan, problems, selection, readOnly]);
}
