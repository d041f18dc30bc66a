import { useMemo } from "react";
import type { Graph } from "../api/types";
import { findLoops } from "../graph/loops";

const STEP_X = 30;
const STEP_Y = 15;
const MOST_NODES = 60;
/** Small graphs are not blown up. */
const LEAST_WIDTH = 132;
const LEAST_HEIGHT = 42;

/** A small picture of a graph's shape: columns by depth, loops as an arc back. */
export function GraphGlyph({ graph }: { graph: Graph }) {
  const { places, lines, width, height } = useMemo(() => sketch(graph), [graph]);
  const [wide, tall] = [Math.max(width + 12, LEAST_WIDTH), Math.max(height + 12, LEAST_HEIGHT)];
  return (
    <svg viewBox={`-6 ${-(tall - height) / 2} ${wide} ${tall}`} preserveAspectRatio="xMinYMid" className="h-14 max-w-full self-start text-accent" role="img" aria-label={`A graph of ${graph.nodes.length} nodes`}>
      {lines.map((line, index) => (
        <path key={index} d={line.path} fill="none" stroke="currentColor" strokeOpacity={0.35} strokeWidth={1.3} strokeDasharray={line.back ? "2.5 2.5" : undefined} />
      ))}
      {places.map((place, index) => (
        <circle key={index} cx={place.x} cy={place.y} r={4} fill="var(--surface)" stroke="currentColor" strokeWidth={1.8} />
      ))}
    </svg>
  );
}

function sketch(graph: Graph) {
  const back = new Set(findLoops(graph).flatMap((loop) => loop.backEdges));
  const ids = graph.nodes.slice(0, MOST_NODES).map((node) => node.id);
  const depth = new Map(ids.map((id) => [id, 0]));
  const forward = graph.edges.filter((edge, index) => !back.has(index) && depth.has(edge.source) && depth.has(edge.target));
  for (let round = 0, moved = true; moved && round < ids.length; round++) {
    moved = false;
    for (const { source, target } of forward) {
      if (depth.get(target)! > depth.get(source)!) continue;
      depth.set(target, depth.get(source)! + 1);
      moved = true;
    }
  }
  const columns = Map.groupBy(ids, (id) => depth.get(id)!);
  const height = (Math.max(1, ...[...columns.values()].map((column) => column.length)) - 1) * STEP_Y;
  const at = new Map<string, { x: number; y: number }>();
  for (const [column, members] of columns) {
    const top = (height - (members.length - 1) * STEP_Y) / 2;
    members.forEach((id, row) => at.set(id, { x: column * STEP_X, y: top + row * STEP_Y }));
  }
  const lines = graph.edges.flatMap((edge, index) => {
    const [from, to] = [at.get(edge.source), at.get(edge.target)];
    if (!from || !to) return [];
    const bend = back.has(index) ? `Q${(from.x + to.x) / 2},${Math.max(from.y, to.y) + 20} ` : "L";
    return [{ path: `M${from.x},${from.y}${bend}${to.x},${to.y}`, back: back.has(index) }];
  });
  const hasBack = lines.some((line) => line.back);
  const width = Math.max(0, ...[...at.values()].map((place) => place.x));
  return { places: [...at.values()], lines, width, height: height + (hasBack ? 10 : 0) };
}
