import type { RunEvent } from "../api/types";

let seq = 0;

export function event(type: string, node: string | null = null, data: RunEvent["data"] = {}): RunEvent {
  seq += 1;
  const at = new Date(Date.UTC(2026, 0, 1) + seq * 100).toISOString();
  return { id: `id-${seq}`, seq, type: `workflow.${type}`, at, project_id: "p", run_id: "r", node_id: node, data };
}

/** A run with a loop of three laps, a branch not taken and, at last, its end. */
export function loopRun(): RunEvent[] {
  seq = 0;
  const events = [event("run.created"), event("run.queued"), event("run.started", null, { attempt: 1 })];
  events.push(event("node.started", "load"), event("node.completed", "load", { output: { rows: 3 }, edges: { 0: "taken" }, duration_ms: 4 }));
  for (const iteration of [0, 1, 2]) {
    const last = iteration === 2;
    events.push(event("node.started", "check", { iteration, path: [iteration] }));
    events.push(event("node.completed", "check", { iteration, output: iteration, edges: { 1: last ? "dead" : "taken", 2: last ? "taken" : "dead" } }));
    if (last) continue;
    events.push(event("node.started", "repair", { iteration, attempt: 1 }));
    events.push(event("node.retrying", "repair", { iteration, attempt: 1, error: { type: "Timeout", message: "slow" } }));
    events.push(event("node.started", "repair", { iteration, attempt: 2 }), event("node.token", "repair", { iteration, text: "a" }), event("node.token", "repair", { iteration, text: "b" }));
    events.push(event("node.completed", "repair", { iteration, attempt: 2, output: "fixed", edges: { 3: "taken" } }));
  }
  events.push(event("node.skipped", "alert", { reason: { code: "branch_not_taken", message: "Not taken." }, edges: {} }));
  events.push(event("run.completed", null, { result: { ok: true } }));
  return events;
}

export function failedRun(): RunEvent[] {
  seq = 0;
  return [
    event("run.created"),
    event("run.queued"),
    event("run.started", null, { attempt: 1 }),
    event("node.started", "a"),
    event("node.completed", "a", { output: 1, edges: { 0: "taken", 1: "dead" } }),
    event("node.skipped", "side", { reason: { code: "branch_not_taken", message: "Not taken." } }),
    event("node.started", "b"),
    event("node.failed", "b", { error: { type: "ValueError", message: "no" }, edges: { 2: "broken" } }),
    event("node.skipped", "c", { reason: { code: "upstream_failed", message: "b failed." } }),
    event("run.failed", null, { error: { type: "NodeFailed", message: "b failed" }, reason: { code: "node_failed", message: "b failed" } }),
  ];
}

/** Random numbers that are the same in every run of the tests. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
