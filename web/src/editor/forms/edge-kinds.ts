import type { RawEdge } from "../document";

export type EdgeKind = "always" | "condition" | "else" | "branch" | "error" | "several";

/** When an edge is taken; `several` says more than one thing at once, which the server refuses. */
export function kindOf(edge: RawEdge): EdgeKind {
  const said = ["condition", "branch", "on"].filter((key) => edge[key] !== undefined && edge[key] !== null);
  if (said.length > 1) return "several";
  if (typeof edge.condition === "string") return edge.condition.trim() === "else" ? "else" : "condition";
  if (said[0] === "condition") return "several";
  if (said[0] === "branch") return "branch";
  return said[0] === "on" ? "error" : "always";
}

/** The edge taken for another reason; what only the old one had is taken out. */
export function withKind(edge: RawEdge, kind: EdgeKind, branches: readonly string[]): RawEdge {
  const rest = Object.fromEntries(Object.entries(edge).filter(([key]) => !["condition", "branch", "on"].includes(key))) as RawEdge;
  switch (kind) {
    case "condition":
      return { ...rest, condition: kindOf(edge) === "condition" ? edge.condition : "true" };
    case "else":
      return { ...rest, condition: "else" };
    case "branch":
      return { ...rest, branch: typeof edge.branch === "string" ? edge.branch : (branches[0] ?? "") };
    case "error":
      return { ...rest, on: "error" };
    case "always":
      return rest;
    case "several":
      return edge;
  }
}
