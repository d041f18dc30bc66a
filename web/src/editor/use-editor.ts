import { createContext, useContext, useSyncExternalStore } from "react";
import type { Catalog } from "./document";
import type { EditorState, EditorStore } from "./store";

export interface EditorScope {
  store: EditorStore;
  project: string;
  workflow: string | null;
  catalog: Catalog;
  readOnly: boolean;
  /** It is not the newest version: runs take that one. */
  old: boolean;
}

export const EditorContext = createContext<EditorScope | null>(null);

export function useEditorScope(): EditorScope {
  const scope = useContext(EditorContext);
  if (!scope) throw new Error("This is used inside of an editor only.");
  return scope;
}

/** What the selector gives has to be the same object as long as nothing has changed. */
export function useEditor<T>(select: (state: EditorState, store: EditorStore) => T): T {
  const { store } = useEditorScope();
  return useSyncExternalStore(store.subscribe, () => select(store.get(), store));
}
