import { createContext, useContext, useSyncExternalStore } from "react";
import type { Graph } from "../api/types";
import type { Choice } from "./again/choice";
import type { RunStore } from "../stream/run-store";

export interface RunScope {
  project: string;
  runId: string;
  store: RunStore;
  graph: Graph;
  /** Opens the dialog to go on with the run, or with a copy of it. */
  ask: (what: "retry" | "fork", choice?: Choice) => void;
}

export const RunContext = createContext<RunScope | null>(null);

export function useRunScope(): RunScope {
  const scope = useContext(RunContext);
  if (!scope) throw new Error("This part belongs inside a run page.");
  return scope;
}

/** A piece of what the store knows; the part is drawn again only when that piece has changed. */
export function useStore<T>(store: RunStore, pick: (store: RunStore) => T): T {
  return useSyncExternalStore(store.subscribe, () => pick(store));
}

export function useNode(id: string) {
  const { store } = useRunScope();
  return useStore(store, (known) => known.node(id));
}
