import { type Point, roundedPath } from "../graph/layout";
import type { Route } from "./arrange";
import type { Place } from "./edits";
import { HEAD } from "./shape";

export interface Line {
  path: string;
  label: Place;
  /** Degrees in which the tip shows. */
  angle: number;
}

const STUB = 22;
const BELOW = 30;
const LEAST_BEND = 38;
const APART = 26;

export interface Ends {
  from: Place;
  to: Place;
  /** From below, as edges after an error. */
  below: boolean;
  /** Where an edge back may go under both of its ends. */
  floor: number;
  /** Its number among the edges between the same ends. */
  lane: number;
}

/** What the line of an edge is made of but for where its ends stand. */
export interface WireShape {
  /** Where it leaves its source, seen from there. */
  dock: Place;
  heights: readonly [number, number];
  below: boolean;
  route: Route | undefined;
  lane: number;
}

/** The line of an edge between two nodes: what the layout has found, as long as both stand where it put them. */
export function lineAt({ dock, heights, below, route, lane }: WireShape, from: Place, to: Place, floor: number | undefined): Line {
  if (route && route.source.x === from.x && route.source.y === from.y && route.target.x === to.x && route.target.y === to.y) return lineThrough(route.points, route.label);
  const under = Math.max(from.y + heights[0], to.y + heights[1]) + BELOW;
  return lineOf({ from: { x: from.x + dock.x, y: from.y + dock.y }, to: { x: to.x, y: to.y + HEAD / 2 }, below, floor: floor ?? under, lane });
}

/** The line of an edge between two ends that may stand anywhere. */
export function lineOf({ from, to, below, floor, lane }: Ends): Line {
  const ahead = to.x - from.x;
  if (ahead < STUB && !(below && to.y > from.y + BELOW && ahead > -STUB)) return around(from, to, below, floor + lane * APART);
  const bend = Math.max(LEAST_BEND, Math.min(Math.abs(ahead) / 2, 140)) + lane * APART;
  const first = below ? { x: from.x, y: from.y + Math.max(LEAST_BEND, (to.y - from.y) / 2) } : { x: from.x + bend, y: from.y };
  const second = { x: to.x - bend, y: to.y };
  const middle = { x: (from.x + 3 * first.x + 3 * second.x + to.x) / 8, y: (from.y + 3 * first.y + 3 * second.y + to.y) / 8 };
  const label = { x: middle.x, y: middle.y + lane * APART };
  return { path: `M${from.x},${from.y}C${first.x},${first.y} ${second.x},${second.y} ${to.x},${to.y}`, label, angle: 0 };
}

function around(from: Place, to: Place, below: boolean, floor: number): Line {
  const out = below ? from.x : from.x + STUB;
  const back = to.x - STUB;
  const start = below ? [{ ...from }] : [{ ...from }, { x: out, y: from.y }];
  const points: Point[] = [...start, { x: out, y: floor }, { x: back, y: floor }, { x: back, y: to.y }, { ...to }];
  return { path: roundedPath(points), label: { x: (out + back) / 2, y: floor }, angle: 0 };
}

/** The line along the points that the layout has found. */
export function lineThrough(points: readonly Point[], label: Place | null): Line {
  const [before, end] = [points.at(-2), points.at(-1)];
  const angle = before && end ? (Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI : 0;
  return { path: roundedPath(points), label: label ?? halfway(points), angle };
}

function halfway(points: readonly Point[]): Place {
  const parts = points.slice(1).map((end, index) => ({ begin: points[index]!, end, length: Math.hypot(end.x - points[index]!.x, end.y - points[index]!.y) }));
  let left = parts.reduce((sum, { length }) => sum + length, 0) / 2;
  for (const { begin, end, length } of parts) {
    if (length > 0 && left <= length) return { x: begin.x + ((end.x - begin.x) * left) / length, y: begin.y + ((end.y - begin.y) * left) / length };
    left -= length;
  }
  return points[0] ?? { x: 0, y: 0 };
}
