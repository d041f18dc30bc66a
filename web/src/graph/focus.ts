import type { Graph } from "../api/types";
import { type NodeView, statusOf } from "../stream/state";

/** The node that a person who opens the run wants to see: what failed, else what is at work, else none. */
export function focusNode(graph: Graph, view: (id: string) => NodeView | undefined): string | null {
  let active: string | null = null;
  let handled: string | null = null;
  for (const { id } of graph.nodes) {
    const status = statusOf(view(id));
    if (status === "FAILED") {
      if (!isHandled(graph, id)) return id;
      handled ??= id;
    } else if (status === "RUNNING" || status === "WAITING" || status === "RETRYING") active ??= id;
  }
  return active ?? handled;
}

function isHandled(graph: Graph, id: string): boolean {
  return graph.edges.some((edge) => edge.source === id && edge.on === "error");
}
