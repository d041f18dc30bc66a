import { createContext, useContext, useSyncExternalStore } from "react";
import type { Place } from "./edits";

type Carried = ReadonlyMap<string, Place>;

type Floors = ReadonlyMap<number, number>;

const NOTHING: Carried = new Map();
const NO_FLOORS: Floors = new Map();

/** Where nodes are while they are dragged: who draws them listens here, and nobody else draws again. */
export class Moving {
  private readonly listeners = new Set<() => void>();
  private places = NOTHING;
  private floors: { places: Carried; found: Floors } | null = null;
  /** Says how far down edges back go, by their index, while nodes are elsewhere. */
  reckon: (places: Carried) => Floors = () => NO_FLOORS;

  readonly get = (): Carried => this.places;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  carry(places: Carried): void {
    if (places.size === 0 && this.places.size === 0) return;
    this.places = places;
    for (const listener of this.listeners) listener();
  }

  floorOf(edge: number): number | undefined {
    if (this.places.size === 0) return undefined;
    if (this.floors?.places !== this.places) this.floors = { places: this.places, found: this.reckon(this.places) };
    return this.floors.found.get(edge);
  }

  land(): Carried {
    const { places } = this;
    this.carry(NOTHING);
    return places;
  }
}

interface CanvasScope {
  moving: Moving;
  /** Asks what to put onto an edge; null where nothing may be. */
  insert: ((edge: number, at: Place) => void) | null;
}

export const CanvasContext = createContext<CanvasScope | null>(null);

export function useCanvas(): CanvasScope {
  const scope = useContext(CanvasContext);
  if (!scope) throw new Error("This is drawn on a canvas only.");
  return scope;
}

/** Where a node is while it is dragged, undefined while it stands. */
export function useCarried(id: string): Place | undefined {
  const { moving } = useCanvas();
  return useSyncExternalStore(moving.subscribe, () => moving.get().get(id));
}

/** How far down an edge back goes while nodes of its loop are dragged. */
export function useFloor(index: number): number | undefined {
  const { moving } = useCanvas();
  return useSyncExternalStore(moving.subscribe, () => moving.floorOf(index));
}
