import { type Connection, type EdgeChange, type NodeChange, type OnConnectEnd, type OnReconnect, useReactFlow } from "@xyflow/react";
import { type DragEvent, useCallback } from "react";
import type { Deeds, From } from "./deeds";
import { changeEdge, idsOf, type Place, selectionOf } from "./edits";
import type { FlowNode, WireEdge } from "./flow";
import type { Moving } from "./moving";
import { DRAG_TYPE, type Piece } from "./pieces";
import { edgeFrom, HEAD, WIDTH } from "./shape";
import { useEditorScope } from "./use-editor";

interface Given {
  deeds: Deeds;
  moving: Moving;
  pieces: readonly Piece[];
  onOpenEnd: (from: From, at: Place) => void;
}

/**
 * What happens on the canvas. Each of these stays the same function from one drawing to the next: with every one that
 * does not, all parts of a graph would be asked whether they have changed.
 */
export function useCanvasEvents({ deeds, moving, pieces, onOpenEnd }: Given) {
  const { store, readOnly } = useEditorScope();
  const rf = useReactFlow();
  const onNodesChange = useCallback((changes: NodeChange<FlowNode>[]) => nodesChanged(changes, deeds, moving, readOnly), [deeds, moving, readOnly]);
  const onEdgesChange = useCallback((changes: EdgeChange<WireEdge>[]) => edgesChanged(changes, deeds), [deeds]);
  const onLand = useCallback(() => deeds.move(moving.land()), [deeds, moving]);
  const onConnect = useCallback(({ source, sourceHandle, target }: Connection) => deeds.connect({ source, port: sourceHandle }, target), [deeds]);
  const onConnectEnd = useCallback<OnConnectEnd>(
    (event, { isValid, fromNode, fromHandle, toNode }) => {
      if (isValid || toNode || !fromNode || fromHandle?.type !== "source") return;
      const point = "changedTouches" in event ? event.changedTouches[0] : event;
      if (point) onOpenEnd({ source: fromNode.id, port: fromHandle.id ?? null }, rf.screenToFlowPosition({ x: point.clientX, y: point.clientY }));
    },
    [onOpenEnd, rf],
  );
  const onReconnect = useCallback<OnReconnect<WireEdge>>(
    (edge, { source, sourceHandle, target }) => {
      const index = edge.data?.index;
      const before = index === undefined ? undefined : store.doc.edges[index];
      if (index === undefined || !before) return;
      const moved = source !== before.source || sourceHandle !== edge.sourceHandle;
      store.change(changeEdge(store.doc, index, moved ? edgeFrom(source, sourceHandle, target) : { target }), "Lead the edge elsewhere");
    },
    [store],
  );
  const onDragOver = useCallback((event: DragEvent) => {
    if (event.dataTransfer.types.includes(DRAG_TYPE)) event.preventDefault();
  }, []);
  const onDrop = useCallback(
    (event: DragEvent) => {
      const piece = pieces.find(({ key }) => key === event.dataTransfer.getData(DRAG_TYPE));
      if (!piece || readOnly) return;
      event.preventDefault();
      const middle = rf.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      const edge = edgeUnder(event.target);
      if (edge !== null) deeds.insert(piece, edge, middle);
      else deeds.add(piece, { at: { x: middle.x - WIDTH / 2, y: middle.y - HEAD / 2 } });
    },
    [pieces, readOnly, rf, deeds],
  );
  return { onNodesChange, onEdgesChange, onNodeDragStop: onLand, onSelectionDragStop: onLand, onConnect, onConnectEnd, onReconnect, onDragOver, onDrop };
}

function nodesChanged(changes: readonly NodeChange<FlowNode>[], deeds: Deeds, moving: Moving, readOnly: boolean): void {
  const { store } = deeds;
  const picked = new Set(idsOf(store.get().selection));
  const landed = new Map<string, Place>();
  const carried = new Map(moving.get());
  let [selects, drags] = [false, false];
  for (const change of changes) {
    if (change.type === "select") {
      selects = true;
      if (change.selected) picked.add(change.id);
      else picked.delete(change.id);
    } else if (change.type === "position" && change.position && !readOnly) {
      if (change.dragging) {
        drags = true;
        carried.set(change.id, change.position);
      } else if (!carried.has(change.id)) landed.set(change.id, change.position);
    }
  }
  if (selects && (picked.size > 0 || store.get().selection.kind !== "edge")) store.select(selectionOf([...picked]));
  if (drags) moving.carry(carried);
  if (landed.size > 0) deeds.move(landed);
}

function edgesChanged(changes: readonly EdgeChange<WireEdge>[], deeds: Deeds): void {
  const { store } = deeds;
  for (const change of changes) {
    if (change.type !== "select") continue;
    const index = Number(change.id.slice(2));
    const { selection: before } = store.get();
    if (change.selected) {
      store.select({ kind: "edge", index });
      if (document.activeElement?.classList.contains("react-flow__edge")) deeds.showEdge(index);
    } else if (before.kind === "edge" && before.index === index) store.select({ kind: "none" });
  }
}

/** The index of the edge that lies under the mouse. */
function edgeUnder(target: EventTarget): number | null {
  const id = target instanceof Element ? target.closest(".react-flow__edge")?.getAttribute("data-id") : null;
  return id?.startsWith("e:") ? Number(id.slice(2)) : null;
}
