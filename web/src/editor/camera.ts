import { getViewportForBounds, type Viewport } from "@xyflow/react";
import type { GraphDoc } from "./document";
import type { Place } from "./edits";
import { heightOf, WIDTH } from "./shape";

export const MIN_ZOOM = 0.05;
/** A name can still be read. */
const READABLE = 0.7;
const MOST = 1;
const PADDING = { x: "36px", top: "36px", bottom: "72px" } as const;
const EDGE = 36;

export interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

export function boundsOf({ nodes }: GraphDoc, places: ReadonlyMap<string, Place>): Bounds | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const node of nodes) {
    const place = places.get(node.id);
    if (!place) continue;
    left = Math.min(left, place.x);
    top = Math.min(top, place.y);
    right = Math.max(right, place.x + WIDTH);
    bottom = Math.max(bottom, place.y + heightOf(node));
  }
  return left === Infinity ? null : { x: left, y: top, width: right - left, height: bottom - top };
}

export function wholeView(bounds: Bounds, pane: { width: number; height: number }): Viewport {
  return getViewportForBounds(bounds, pane.width, pane.height, MIN_ZOOM, MOST, PADDING);
}

/** The whole graph where it can be read like this, else the place that is looked for, else its beginning. */
export function openingView(bounds: Bounds, pane: { width: number; height: number }, wanted?: Place): Viewport {
  const whole = wholeView(bounds, pane);
  if (whole.zoom >= READABLE) return whole;
  return {
    x: along(bounds.x, bounds.width, pane.width, wanted && wanted.x + WIDTH / 2),
    y: along(bounds.y, bounds.height, pane.height, wanted?.y),
    zoom: READABLE,
  };
}

/** Where the origin comes to lie: what has room stands in the middle, else nothing is left free that the graph can fill. */
function along(start: number, length: number, room: number, wanted?: number): number {
  const size = length * READABLE;
  if (size <= room - 2 * EDGE) return (room - size) / 2 - start * READABLE;
  const first = EDGE - start * READABLE;
  const last = room - EDGE - size - start * READABLE;
  return wanted === undefined ? first : Math.min(first, Math.max(last, room / 2 - wanted * READABLE));
}
