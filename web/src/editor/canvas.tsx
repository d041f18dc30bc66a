import { Background, type EdgeTypes, MiniMap, type NodeTypes, ReactFlow, SelectionMode, useReactFlow, useStore } from "@xyflow/react";
import { type DragEvent, useCallback, useMemo, useState } from "react";
import { Spinner } from "../ui/button";
import { boundsOf, MIN_ZOOM, openingView } from "./camera";
import type { Deeds, From } from "./deeds";
import "./editor.css";
import "../graph/graph.css";
import { FAR_ZOOM, Motion } from "../graph/motion";
import { MOST_DRAWN } from "../graph/picture";
import type { Place } from "./edits";
import { changeEdge, idsOf, selectionOf } from "./edits";
import { FarPicture, pieceAt } from "./far-picture";
import { Drawer, type FlowNode, type WireEdge } from "./flow";
import { DRAG_TYPE, type Piece } from "./pieces";
import { edgeFrom, HEAD, WIDTH } from "./shape";
import { FrameNode, StepNode } from "./step-node";
import { Tools } from "./tools";
import { useArrangement } from "./use-arrangement";
import { useEditor, useEditorScope } from "./use-editor";
import { Wire } from "./wire";

const NODE_TYPES: NodeTypes = { step: StepNode, frame: FrameNode };
const EDGE_TYPES: EdgeTypes = { wire: Wire };
/** Up to so many nodes all are there, for the keyboard to go to. */
const RENDERED = 150;
/** Where a map of the whole is of use. */
const MANY = 12;
const NO_NODES: FlowNode[] = [];
const NO_EDGES: WireEdge[] = [];
const NOWHERE: ReadonlyMap<string, Place> = new Map();

interface Props {
  deeds: Deeds;
  pieces: readonly Piece[];
  /** Somebody has drawn an edge into the open. */
  onOpenEnd: (from: From, at: Place) => void;
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

function Surface({ deeds, pieces, onOpenEnd, pane }: Props & { pane: Pane }) {
  const { store, readOnly } = useEditorScope();
  const rf = useReactFlow();
  const far = useStore((flow) => flow.transform[2] < FAR_ZOOM);
  const [drawer] = useState(() => new Drawer());
  const [moving, setMoving] = useState(NOWHERE);
  const [opening] = useState(() => {
    const bounds = boundsOf(store.doc, store.places);
    const [first] = idsOf(store.get().selection);
    return bounds ? openingView(bounds, pane, first === undefined ? undefined : store.places.get(first)) : { x: 0, y: 0, zoom: 1 };
  });
  const doc = useEditor((_, known) => known.doc);
  const places = useEditor((_, known) => known.places);
  const laid = useEditor((state) => state.laid);
  const plan = useEditor((state) => state.plan);
  const problems = useEditor((state) => state.problems);
  const selection = useEditor((state) => state.selection);
  const now = useMemo(() => (moving.size > 0 ? new Map([...places, ...moving]) : places), [places, moving]);
  const { nodes, edges } = useMemo(
    () => drawer.draw({ doc, places: now, laid, plan, problems, selection, readOnly }),
    [drawer, doc, now, laid, plan, problems, selection, readOnly],
  );

  const asPicture = far && doc.nodes.length > MOST_DRAWN;
  const drop = (event: DragEvent) => {
    const piece = pieces.find(({ key }) => key === event.dataTransfer.getData(DRAG_TYPE));
    if (!piece || readOnly) return;
    event.preventDefault();
    const { x, y } = rf.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    deeds.add(piece, { at: { x: x - WIDTH / 2, y: y - HEAD / 2 } });
  };
  const land = () => {
    deeds.move(moving);
    setMoving(NOWHERE);
  };
  return (
    <ReactFlow<FlowNode, WireEdge>
      className={far ? "canvas far" : "canvas"}
      nodes={asPicture ? NO_NODES : nodes}
      edges={asPicture ? NO_EDGES : edges}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
      onNodesChange={(changes) => {
        const picked = new Set(idsOf(store.get().selection));
        const landed = new Map<string, Place>();
        const carriedAlong = new Map(moving);
        let selects = false;
        for (const change of changes) {
          if (change.type === "select") {
            selects = true;
            if (change.selected) picked.add(change.id);
            else picked.delete(change.id);
          } else if (change.type === "position" && change.position && !readOnly) {
            if (change.dragging) carriedAlong.set(change.id, change.position);
            else if (!moving.has(change.id)) landed.set(change.id, change.position);
          }
        }
        if (selects && (picked.size > 0 || store.get().selection.kind !== "edge")) store.select(selectionOf([...picked]));
        if (carriedAlong.size !== moving.size || changes.some((change) => change.type === "position" && change.dragging)) setMoving(carriedAlong);
        if (landed.size > 0) deeds.move(landed);
      }}
      onEdgesChange={(changes) => {
        for (const change of changes) {
          if (change.type !== "select") continue;
          const index = Number(change.id.slice(2));
          const { selection: before } = store.get();
          if (change.selected) store.select({ kind: "edge", index });
          else if (before.kind === "edge" && before.index === index) store.select({ kind: "none" });
        }
      }}
      onNodeDragStop={land}
      onSelectionDragStop={land}
      onConnect={({ source, sourceHandle, target }) => deeds.connect({ source, port: sourceHandle }, target)}
      onConnectEnd={(event, { isValid, fromNode, fromHandle, toNode }) => {
        if (isValid || toNode || !fromNode || fromHandle?.type !== "source") return;
        const point = "changedTouches" in event ? event.changedTouches[0] : event;
        if (point) onOpenEnd({ source: fromNode.id, port: fromHandle.id ?? null }, rf.screenToFlowPosition({ x: point.clientX, y: point.clientY }));
      }}
      onReconnect={(edge, { source, sourceHandle, target }) => {
        const index = edge.data?.index;
        const before = index === undefined ? undefined : store.doc.edges[index];
        if (index === undefined || !before) return;
        const moved = source !== before.source || sourceHandle !== edge.sourceHandle;
        store.change(changeEdge(store.doc, index, moved ? edgeFrom(source, sourceHandle, target) : { target }), "Lead the edge elsewhere");
      }}
      onPaneClick={({ clientX, clientY }) => {
        const id = asPicture ? pieceAt(nodes, rf.screenToFlowPosition({ x: clientX, y: clientY })) : null;
        store.select(id === null ? { kind: "none" } : { kind: "node", id });
      }}
      onDragOver={(event) => {
        if (event.dataTransfer.types.includes(DRAG_TYPE)) event.preventDefault();
      }}
      onDrop={drop}
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
      {doc.nodes.length > MANY && <MiniMap<FlowNode> pannable zoomable ariaLabel="The whole graph" className="max-md:!hidden" nodeColor={(node) => (node.selected ? "var(--accent)" : "var(--line-strong)")} nodeStrokeWidth={0} />}
      <Tools deeds={deeds} />
    </ReactFlow>
  );
}
