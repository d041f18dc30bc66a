import { ViewportPortal } from "@xyflow/react";
import { useMemo } from "react";
import { NODE_HEIGHT, NODE_WIDTH } from "../graph/elk-graph";
import type { Layout } from "../graph/layout";
import { grouped, linesOf } from "../graph/picture";
import { statusOf } from "../stream/state";
import { useRunScope, useStore } from "./run-context";
import { look } from "./wire";

/** A large graph from afar: one picture of its colours in place of thousands of parts that nobody could read. */
export function FarPicture({ layout, chosen }: { layout: Layout; chosen: string | null }) {
  const { store, graph } = useRunScope();
  useStore(store, (known) => known.version);
  const lines = useMemo(() => linesOf(layout), [layout]);
  const nodes = grouped(graph.nodes, ({ id }) => statusOf(store.node(id)), ({ id }) => lines.nodes.get(id) ?? "");
  const edges = grouped(graph.edges.entries(), ([index, { source, target }]) => look(store, source, target, index), ([index]) => lines.edges.get(index) ?? "");
  const box = chosen === null ? undefined : layout.nodes.get(chosen);
  return (
    <ViewportPortal>
      <svg width={layout.width} height={layout.height} className="far-picture" role="img" aria-label={`${graph.nodes.length.toLocaleString()} nodes from afar; zoom in to see them one by one`}>
        {[...edges].map(([fate, line]) => (
          <path key={fate} d={line} className="wire" data-fate={fate} />
        ))}
        {[...nodes].map(([status, line]) => (
          <path key={status} d={line} className="far-nodes" data-status={status} />
        ))}
        {box && <rect x={box.x} y={box.y} width={NODE_WIDTH} height={NODE_HEIGHT} className="far-chosen" />}
      </svg>
    </ViewportPortal>
  );
}
