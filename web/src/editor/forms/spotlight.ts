import { type RefObject, useEffect, useSyncExternalStore } from "react";

interface Wanted {
  pointer: string;
}

let wanted: Wanted | null = null;
const listeners = new Set<() => void>();

/** Which place of the document is to be shown at its field. */
export const spotlight = {
  get: (): Wanted | null => wanted,
  show(pointer: string): void {
    wanted = { pointer };
    for (const listener of listeners) listener();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

export function useWanted(): Wanted | null {
  return useSyncExternalStore(spotlight.subscribe, spotlight.get);
}

const MOST_FRAMES = 40;
/** So many frames pass before anything is gone to: until the canvas has shown the node, and the list is closed. */
const FIRST_FRAME = 4;
const CONTROLS = ".cm-content, input, select, textarea";

/** Goes to the field of the place that is wanted, once it is there; where it has none, to the nearest around it. */
export function useSpotlight(box: RefObject<HTMLElement | null>): void {
  const now = useWanted();
  useEffect(() => {
    if (now === null) return;
    let frame = 0;
    let count = 0;
    const look = () => {
      const found = nearest(box.current, now.pointer);
      const there = found?.dataset.pointer === now.pointer;
      if (count++ < (there ? FIRST_FRAME : MOST_FRAMES)) {
        frame = requestAnimationFrame(look);
        return;
      }
      if (wanted === now) wanted = null;
      found?.scrollIntoView({ block: "center" });
      (found?.querySelector<HTMLElement>(CONTROLS) ?? found?.querySelector("button"))?.focus({ preventScroll: true });
    };
    look();
    return () => cancelAnimationFrame(frame);
  }, [now, box]);
}

function nearest(box: HTMLElement | null, pointer: string): HTMLElement | null {
  const fields = [...(box?.querySelectorAll<HTMLElement>("[data-pointer]") ?? [])];
  const around = fields.filter(({ dataset }) => pointer === dataset.pointer || pointer.startsWith(`${dataset.pointer ?? ""}/`));
  return around.sort((one, other) => (other.dataset.pointer ?? "").length - (one.dataset.pointer ?? "").length)[0] ?? null;
}
