import { useMemo } from "react";
import type { RunEvent } from "../../api/types";
import { useRunScope } from "../run-context";
import { eventsOf } from "./history";

/** The events of a turn of a node, up to the seq that is given. */
export function useHistory(node: string, iteration: number, seq: number): readonly RunEvent[] {
  const { store } = useRunScope();
  // The log grows in place; the seq says when there is more about this turn.
  return useMemo(() => (seq >= 0 ? eventsOf(store.log.events, node, iteration) : []), [store, node, iteration, seq]);
}
