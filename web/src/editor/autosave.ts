import { writeExact } from "./exact";
import { type Draft, keep, type Shelf } from "./drafts";
import type { EditorStore } from "./store";

const CALM_MS = 350;

/** Keeps what is not saved in the browser, soon after each change and at once when the page goes. Returns how to end that. */
export function autosave(store: EditorStore, shelf: Shelf, slot: string, tell: (kept: boolean) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let seen = [store.written, store.get().pane, store.get().base, store.get().name];
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    tell(autosaved(store, shelf, slot));
  };
  const notice = () => {
    const now = [store.written, store.get().pane, store.get().base, store.get().name];
    if (now.every((part, index) => part === seen[index])) return;
    seen = now;
    clearTimeout(timer);
    timer = setTimeout(write, CALM_MS);
  };
  const flush = () => {
    if (timer !== undefined) write();
  };
  const forget = store.subscribe(notice);
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", flush);
  return () => {
    flush();
    forget();
    removeEventListener("pagehide", flush);
    document.removeEventListener("visibilitychange", flush);
  };
}

/** Keeps what is not saved now; false when the browser has no room for it. */
export function autosaved(store: EditorStore, shelf: Shelf, slot: string): boolean {
  if (store.dirty || store.get().pane !== null) return keep(shelf, slot, draftOf(store));
  shelf.removeItem(slot);
  return true;
}

function draftOf(store: EditorStore): Draft {
  const { base, name, pane } = store.get();
  const { doc, numbers } = store.written;
  return { graph: writeExact(doc, numbers), name, pane, base: base && { version: base.version, etag: base.etag }, at: Date.now() };
}
