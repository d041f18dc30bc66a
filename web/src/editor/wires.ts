import type { Place } from "./edits";
import { type Point, roundedPath } from "../graph/layout";

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
  return { path: roundedPath(points), label: label ?? points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 }, angle };
}
