import type { RunEvent } from "./protocol.ts";

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

const ASKED = { code: "waiting_for_approval", message: "Send it?", prompt: "Send it?", schema: { type: "boolean" } };

/** A run that is asked, stepped through, maps, fails, goes on by itself, and is retried at last from where it began. */
export function waitingRun(): RunEvent[] {
  seq = 0;
  return [
    event("run.created", null, { version: 1 }),
    event("run.queued"),
    event("run.started", null, { attempt: 1 }),
    event("node.waiting", "stop", { reason: { code: "breakpoint", message: "Stopped." }, wake_at: null }),
    event("run.waiting", null, { reason: { code: "breakpoint", message: "Stopped." }, wake_at: null }),
    event("run.queued", null, { reason: { code: "signalled", message: "Told." } }),
    event("run.resumed", null, { attempt: 1 }),
    event("node.started", "stop"),
    event("node.completed", "stop", { output: 1, edges: { 0: "taken" }, duration_ms: 2 }),
    event("node.started", "ask"),
    event("node.waiting", "ask", { reason: ASKED, wake_at: "2026-01-02T00:00:00Z" }),
    event("node.started", "each"),
    event("node.progress", "each", { done: 0, total: 3, failed: 0 }),
    event("node.waiting", "each", { reason: { ...ASKED, item: [0], waiting: 3 }, wake_at: null }),
    event("run.waiting", null, { reason: { code: "waiting_for_approval", message: "Asked." }, wake_at: "2026-01-02T00:00:00Z" }),
    event("node.completed", "stop", { output: 2, edges: { 0: "taken" }, overridden: true }),
    event("run.resumed", null, { attempt: 1 }),
    event("node.completed", "ask", { output: { answer: true, by: "Ada" }, edges: { 1: "taken" } }),
    event("node.progress", "each", { done: 0, total: 3, failed: 0 }),
    event("node.progress", "each", { done: 1, total: 3, failed: 1 }),
    event("node.failed", "each", { error: { type: "ItemError", message: "no", retryable: true }, edges: { 2: "broken" } }),
    event("run.retrying", null, { error: { type: "ItemError", message: "no" }, reason: { code: "node_failed", message: "no" }, wake_at: "2026-01-01T01:00:00Z" }),
    event("run.resumed", null, { attempt: 2 }),
    event("node.started", "each"),
    event("node.failed", "each", { error: { type: "ItemError", message: "no" }, edges: { 2: "broken" } }),
    event("run.failed", null, { error: { type: "ItemError", message: "no" }, reason: { code: "node_failed", message: "no" } }),
    event("run.queued", null, { attempt: 3, retry: true, version: 1, again: ["ask"] }),
    event("run.resumed", null, { attempt: 3 }),
    event("node.completed", "ask", { output: { answer: true, by: "Ada" }, edges: { 1: "taken" }, reused: true, duration_ms: 5 }),
    event("node.started", "each"),
    event("node.completed", "each", { output: [], edges: { 2: "taken" } }),
    event("run.completed", null, { result: 1 }),
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
