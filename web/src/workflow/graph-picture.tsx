import { useQuery } from "@tanstack/react-query";
import type { Graph, GraphNode } from "../api/types";
import { edgeLabel, LABEL_HEIGHT } from "../graph/elk-graph";
import { layoutEngine } from "../graph/engine";
import { type Box, type Layout, layoutOf, roundedPath } from "../graph/layout";
import { ErrorBox, Skeleton } from "../ui/states";

const EDGE = 6;
/** Names stay readable; what does not fit then is scrolled to. */
const LEAST_SCALE = 0.6;
const NAME_LETTERS = 25;
const TYPE_LETTERS = 30;

/** The graph as it is drawn for its runs, still and as a whole. */
export function GraphPicture({ graph }: { graph: Graph }) {
  const laid = useQuery({
    queryKey: ["layout", JSON.stringify([graph.nodes.map((node) => node.id), graph.edges])],
    queryFn: () => layoutOf(graph, "RIGHT", layoutEngine),
    staleTime: Infinity,
    gcTime: 0,
  });
  if (laid.isError) return <div className="p-5"><ErrorBox error={laid.error} /></div>;
  if (!laid.data) return <Skeleton rows={3} />;
  return <Drawn graph={graph} layout={laid.data} />;
}

function Drawn({ graph, layout }: { graph: Graph; layout: Layout }) {
  const size = { width: layout.width + 2 * EDGE, height: layout.height + 2 * EDGE };
  return (
    <div tabIndex={0} role="region" aria-label="Graph" className="max-h-[60vh] shrink-0 overflow-auto border-b border-line bg-sunken p-5 -outline-offset-2">
      <svg
        role="img"
        aria-label={`A graph of ${graph.nodes.length} nodes: ${graph.nodes.slice(0, 20).map((node) => node.name || node.id).join(", ")}`}
        viewBox={`${-EDGE} ${-EDGE} ${size.width} ${size.height}`}
        width={size.width}
        style={{ maxWidth: `max(100%, ${LEAST_SCALE * size.width}px)` }}
        className="mx-auto h-auto"
      >
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M1 1l6 3-6 3z" fill="var(--ink-3)" />
          </marker>
        </defs>
        {[...layout.frames].map(([id, box]) => (
          <rect key={id} {...box} rx={14} fill="var(--accent-soft)" fillOpacity={0.35} stroke="var(--accent)" strokeOpacity={0.5} strokeDasharray="5 4" />
        ))}
        {[...layout.edges].map(([index, { points }]) => (
          <path key={index} d={roundedPath(points)} fill="none" stroke="var(--ink-3)" strokeWidth={1.4} strokeDasharray={graph.edges[index]?.on === "error" ? "4 3" : undefined} markerEnd="url(#tip)" />
        ))}
        {[...layout.edges].map(([index, { label }]) => label && <Label key={index} box={label} text={edgeLabel(graph.edges[index]!) ?? ""} />)}
        {graph.nodes.map((node) => {
          const box = layout.nodes.get(node.id);
          return box && <Step key={node.id} node={node} box={box} />;
        })}
      </svg>
    </div>
  );
}

function Label({ box, text }: { box: Box; text: string }) {
  return (
    <g>
      <rect x={box.x} y={box.y} width={box.width} height={LABEL_HEIGHT} rx={6} fill="var(--surface)" stroke="var(--line)" />
      <text x={box.x + box.width / 2} y={box.y + LABEL_HEIGHT / 2 + 3.5} textAnchor="middle" fontSize={10.5} fill="var(--ink-2)" className="font-mono">
        {text}
      </text>
    </g>
  );
}

function Step({ node, box }: { node: GraphNode; box: Box }) {
  const name = node.name || node.id;
  return (
    <g>
      <title>{name}</title>
      <rect {...box} rx={11} fill="var(--raised)" stroke="var(--line-strong)" />
      <text x={box.x + 14} y={box.y + 24} fontSize={13} fontWeight={600} fill="var(--ink)">
        {short(name, NAME_LETTERS)}
      </text>
      <text x={box.x + 14} y={box.y + 41} fontSize={11} fill="var(--ink-3)">
        {short(node.type, TYPE_LETTERS)}
      </text>
    </g>
  );
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
