import type { Graph } from "../api/types";
import { lastLap, type NodeView, statusOf } from "../stream/state";

const FOR_PEOPLE: ReadonlySet<string> = new Set(["waiting_for_approval", "breakpoint"]);

/** The node that a person who opens the run wants to see: what failed, what waits for people, what is at work, or none. */
export function focusNode(graph: Graph, view: (id: string) => NodeView | undefined): string | null {
  let active: string | null = null;
  let asking: string | null = null;
  let handled: string | null = null;
  for (const { id } of graph.nodes) {
    const known = view(id);
    const status = statusOf(known);
    if (status === "FAILED") {
      if (!isHandled(graph, id)) return id;
      handled ??= id;
    } else if (status === "RUNNING" || status === "WAITING" || status === "RETRYING") active ??= id;
    if (status === "WAITING" && FOR_PEOPLE.has(lastLap(known)?.reason?.code ?? "")) asking ??= id;
  }
  return asking ?? active ?? handled;
}

function isHandled(graph: Graph, id: string): boolean {
  return graph.edges.some((edge) => edge.source === id && edge.on === "error");
}
