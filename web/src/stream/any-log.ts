import fc from "fast-check";
import type { RunEvent } from "./protocol.ts";

/** For tests: any log that a run could have, and many that none would. */

const RUN_STEPS = ["queued", "started", "waiting", "retrying", "resumed", "completed", "failed", "cancelled"];
const NODE_STEPS = ["started", "progress", "token", "log", "waiting", "retrying", "completed", "failed", "skipped", "cancelled"];

const nodes = fc.constantFrom("a", "b", "c");
const fates = fc.constantFrom("taken", "dead", "broken");

const runStep = fc.record({
  type: fc.constantFrom(...RUN_STEPS).map((step) => `workflow.run.${step}`),
  node_id: fc.constant(null),
  data: fc.record(
    {
      attempt: fc.integer({ min: 1, max: 4 }),
      retry: fc.boolean(),
      version: fc.integer({ min: 1, max: 3 }),
      again: fc.array(nodes, { maxLength: 2 }),
      reason: fc.record({ code: fc.constant("because"), message: fc.string() }),
      error: fc.record({ type: fc.constant("ValueError"), message: fc.string({ unit: "grapheme" }) }),
      result: fc.jsonValue({ maxDepth: 2 }),
      wake_at: fc.constant("2026-01-02T00:00:00Z"),
    },
    { requiredKeys: [] },
  ),
});

const nodeStep = fc.record({
  type: fc.constantFrom(...NODE_STEPS).map((step) => `workflow.node.${step}`),
  node_id: nodes,
  data: fc.record(
    {
      iteration: fc.integer({ min: 0, max: 3 }),
      path: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
      attempt: fc.integer({ min: 1, max: 4 }),
      done: fc.integer({ min: 0, max: 5 }),
      total: fc.constant(5),
      text: fc.string({ unit: "grapheme" }),
      output: fc.jsonValue({ maxDepth: 2 }),
      edges: fc.dictionary(fc.constantFrom("0", "1", "2"), fates, { maxKeys: 2 }),
      reason: fc.record({ code: fc.constantFrom("branch_not_taken", "upstream_failed"), message: fc.string() }),
      error: fc.record({ type: fc.constant("Timeout"), message: fc.string() }),
      reused: fc.boolean(),
      overridden: fc.boolean(),
      duration_ms: fc.integer({ min: 0, max: 9 }),
    },
    { requiredKeys: [] },
  ),
});

type Step = Pick<RunEvent, "type" | "node_id" | "data">;

function numbered(run: string, steps: readonly Step[]): RunEvent[] {
  const begun: Step[] = [{ type: "workflow.run.created", node_id: null, data: { version: 1 } }, ...steps];
  return begun.map((step, index) => {
    const at = new Date(Date.UTC(2026, 0, 1) + index * 100).toISOString();
    // As it looks after the wire, which knows no -0.
    const told = JSON.parse(JSON.stringify(step)) as Step;
    return { id: `${run}-${index}`, seq: index + 1, at, project_id: "p", run_id: run, ...told };
  });
}

const END: Step = { type: "workflow.run.completed", node_id: null, data: { result: 1 } };

/** The log of one run; it ends with the end of the run, and may have ended and gone on before. */
export const anyLog = (run = "r", longest = 40): fc.Arbitrary<RunEvent[]> =>
  fc.array(fc.oneof({ weight: 1, arbitrary: runStep }, { weight: 3, arbitrary: nodeStep }), { maxLength: longest }).map((steps) => numbered(run, [...steps, END]));
