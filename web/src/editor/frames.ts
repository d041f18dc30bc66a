import type { Plan } from "../api/types";
import { LOOP_PADDING } from "./arrange";
import type { RawNode } from "./document";
import type { Place } from "./edits";
import type { Box } from "../graph/layout";
import { heightOf, WIDTH } from "./shape";

export interface Frame {
  header: string;
  limit: number;
  box: Box;
}

type PlanLoop = Plan["loops"][number];

/** The frames of the loops, as the server's plan says, around where their nodes stand; outer before inner. */
export function framesOf(plan: Plan | null, nodes: ReadonlyMap<string, RawNode>, places: ReadonlyMap<string, Place>): Frame[] {
  const loops = (plan?.loops ?? []).filter((loop) => nodes.has(loop.header));
  const levels = new Map<string, number>();
  for (const loop of loops) countLevels(loop, loops, levels);
  return loops
    .flatMap((loop) => {
      const box = around(loop, levels.get(loop.header) ?? 0, nodes, places);
      return box ? [{ header: loop.header, limit: loop.max_iterations, box }] : [];
    })
    .sort((one, other) => other.box.width * other.box.height - one.box.width * one.box.height);
}

/** How many loops are nested inside of each, one in the other. */
function countLevels(loop: PlanLoop, loops: readonly PlanLoop[], levels: Map<string, number>): number {
  const known = levels.get(loop.header);
  if (known !== undefined) return known;
  const inner = loops.filter((other) => other.inside === loop.header && other.header !== loop.header);
  const level = Math.max(0, ...inner.map((other) => countLevels(other, loops, levels) + 1));
  levels.set(loop.header, level);
  return level;
}

function around(loop: PlanLoop, level: number, nodes: ReadonlyMap<string, RawNode>, places: ReadonlyMap<string, Place>): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const id of loop.nodes) {
    const [node, place] = [nodes.get(id), places.get(id)];
    if (!node || !place) continue;
    left = Math.min(left, place.x);
    top = Math.min(top, place.y);
    right = Math.max(right, place.x + WIDTH);
    bottom = Math.max(bottom, place.y + heightOf(node));
  }
  if (left === Infinity) return null;
  const times = level + 1;
  const x = left - LOOP_PADDING.side * times;
  const y = top - LOOP_PADDING.top * times;
  return { x, y, width: right + LOOP_PADDING.side * times - x, height: bottom + LOOP_PADDING.bottom * times - y };
}

/** How far down the edges back may go, by their index: to the bottom of their loop's frame. */
export function floorsOf(plan: Plan | null, frames: readonly Frame[]): Map<number, number> {
  const bottoms = new Map(frames.map(({ header, box }) => [header, box.y + box.height]));
  const floors = new Map<number, number>();
  for (const loop of plan?.loops ?? []) {
    const bottom = bottoms.get(loop.header);
    if (bottom !== undefined) for (const index of loop.back_edges) floors.set(index, bottom - LOOP_PADDING.bottom / 2);
  }
  return floors;
}
