import type { Opening } from "./opening";
import type { EditorStore } from "./store";

interface Handed {
  workflow: string;
  store: EditorStore;
  opening: Opening;
  /** Start a run as soon as it is open. */
  run: boolean;
}

let waiting: Handed | null = null;

/** Lets an open editor live on under another address, with all its steps back. */
export function handOver(editor: Handed): void {
  waiting = editor;
}

/** What has been handed over for this workflow, once. */
export function handed(workflow: string | null): Handed | null {
  const found = waiting?.workflow === workflow ? waiting : null;
  // React may ask twice for one first state, in one go.
  if (found) queueMicrotask(() => void (waiting = waiting === found ? null : waiting));
  return found;
}
