import type { Restart, RestartStep } from "../../api/types";

export type Fate = "runs" | "undecided" | "reused";

export interface FatedNode {
  id: string;
  /** Why, in a sentence of the server. */
  why: string;
  /** How many of its turns the plan speaks of. */
  turns: number;
}

export interface FatedGroup {
  fate: Fate;
  nodes: FatedNode[];
}

const ACTION: Record<Fate, RestartStep["action"]> = { runs: "run", undecided: "reuse_if_input_is_unchanged", reused: "reuse" };

/** What will become of each node, those that run first, each with the reason that decides about it. */
export function fates(plan: Restart): FatedGroup[] {
  const steps = new Map<string, RestartStep[]>();
  for (const step of plan.nodes) steps.set(step.node_id, [...(steps.get(step.node_id) ?? []), step]);
  const group = (fate: Fate): FatedGroup => ({ fate, nodes: plan[fate].map((id) => fated(id, fate, steps.get(id) ?? [])) });
  return [group("runs"), group("undecided"), group("reused")].filter(({ nodes }) => nodes.length > 0);
}

function fated(id: string, fate: Fate, steps: readonly RestartStep[]): FatedNode {
  const telling = steps.find(({ action }) => action === ACTION[fate]) ?? steps[0];
  return { id, why: telling?.reason.message ?? "", turns: steps.length };
}

/** The plan in one sentence. */
export function planSentence(plan: Restart): string {
  const parts = [`${count(plan.runs.length)} will run`];
  if (plan.undecided.length > 0) parts.push(`${plan.undecided.length} only if ${plan.undecided.length === 1 ? "its" : "their"} input has changed`);
  parts.push(`${plan.reused.length} ${plan.reused.length === 1 ? "keeps its result" : "keep their results"}`);
  return `${parts.join(", ")}.`;
}

function count(nodes: number): string {
  return nodes === 1 ? "1 node" : `${nodes.toLocaleString()} nodes`;
}
