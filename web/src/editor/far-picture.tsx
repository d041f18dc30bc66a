import { ViewportPortal } from "@xyflow/react";
import { memo } from "react";
import { grouped } from "../graph/picture";
import type { FlowNode, WireEdge } from "./flow";
import { lineAt } from "./wires";

interface Props {
  nodes: readonly FlowNode[];
  edges: readonly WireEdge[];
}

/** A large graph from afar: one picture in place of thousands of parts that nobody could read or get hold of. */
export const FarPicture = memo(function FarPicture({ nodes, edges }: Props) {
  const wires = grouped(edges, ({ data, selected }) => look(selected, data?.problems), ({ data }) => (data ? lineAt(data.shape, data.from, data.to, data.floor).path : ""));
  const steps = grouped(nodes, (node) => (node.type === "frame" ? "frame" : look(node.selected, node.data.problems)), outline);
  const count = nodes.filter((node) => node.type === "step").length;
  return (
    <ViewportPortal>
      <svg width={1} height={1} className="far-picture" role="img" aria-label={`${count.toLocaleString()} nodes from afar; zoom in to edit them`}>
        {[...wires].map(([name, line]) => (
          <path key={name} d={line} className="wire" data-chosen={name === "chosen" || undefined} data-wrong={name === "wrong" || undefined} />
        ))}
        {[...steps].map(([name, line]) => (
          <path key={name} d={line} className="far-pieces" data-look={name} />
        ))}
      </svg>
    </ViewportPortal>
  );
});

/** The node that lies there, if any. */
export function pieceAt(nodes: readonly FlowNode[], { x, y }: { x: number; y: number }): string | null {
  const found = nodes.find(({ type, position, width = 0, height = 0 }) => type === "step" && x >= position.x && x <= position.x + width && y >= position.y && y <= position.y + height);
  return found?.id ?? null;
}

function look(selected: boolean | undefined, problems: readonly string[] | undefined): "chosen" | "wrong" | "plain" {
  return selected ? "chosen" : (problems?.length ?? 0) > 0 ? "wrong" : "plain";
}

function outline({ position: { x, y }, width = 0, height = 0 }: FlowNode): string {
  return `M${x},${y}h${width}v${height}h${-width}z`;
}
