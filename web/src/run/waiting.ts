import type { Graph, Run } from "../api/types";
import { type Lap, lastLap, type NodeView } from "../stream/state";

export interface Waiting {
  id: string;
  name: string;
  lap: Lap;
  code: string;
}

/** What people can do something about comes first. */
const ORDER = ["waiting_for_approval", "breakpoint", "waiting_for_worker", "waiting_for_run", "waiting_for_time"];

/** Those among them. */
export const FOR_PEOPLE: ReadonlySet<string> = new Set(ORDER.slice(0, 2));

/** The nodes that wait, the most telling first, else in the order of the document. */
export function waitingNodes(graph: Graph, view: (id: string) => NodeView | undefined): Waiting[] {
  const found: Waiting[] = [];
  for (const { id, name } of graph.nodes) {
    const lap = lastLap(view(id));
    if (lap?.status === "WAITING") found.push({ id, name: name || id, lap, code: lap.reason?.code ?? "waiting" });
  }
  return found.sort((a, b) => rank(a.code) - rank(b.code));
}

function rank(code: string): number {
  const at = ORDER.indexOf(code);
  return at < 0 ? ORDER.length : at;
}

/** What a run waits for, to be followed by the names of the nodes that do. */
export const WAITS: Record<string, string> = {
  waiting_for_approval: "Waits for an answer at",
  breakpoint: "Stopped before",
  waiting_for_worker: "Waits for a worker for",
  waiting_for_run: "Waits for another run in",
  waiting_for_time: "Waits for its time in",
};
export const WAITS_SOMEHOW = "Waits in";

/** The same in one sentence, for those who hear it. */
export function sentence(run: Run, waiting: readonly Waiting[]): string {
  if (run.status === "RETRYING") return "The run has failed and goes on by itself.";
  const first = waiting[0];
  if (!first) return run.status === "WAITING" ? (run.reason?.message ?? "The run waits.") : "";
  const names = waiting.filter(({ code }) => code === first.code).map(({ name }) => name);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `${WAITS[first.code] ?? WAITS_SOMEHOW} ${names.slice(0, 3).join(", ")}${more}.`;
}
