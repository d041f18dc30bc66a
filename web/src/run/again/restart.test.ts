import { describe, expect, it } from "vitest";
import type { Restart } from "../../api/types";
import { fates, planSentence } from "./restart";

const step = (node_id: string, action: Restart["nodes"][number]["action"], message: string, iteration?: number) => ({
  node_id,
  action,
  reason: { code: "x", message },
  ...(iteration === undefined ? {} : { iteration }),
});

const PLAN = {
  reused: ["load"],
  runs: ["clean", "send"],
  undecided: ["check"],
  nodes: [
    step("load", "reuse", "It has completed.", 0),
    step("clean", "reuse", "It has completed.", 0),
    step("clean", "run", "Its definition has changed.", 1),
    step("check", "reuse_if_input_is_unchanged", "A node before it has changed.", 0),
    step("send", "run", "It has not run yet."),
  ],
} as unknown as Restart;

describe("what a retry would do", () => {
  it("[UI-50] names every node once, with the reason that decides and those that run first", () => {
    expect(fates(PLAN).map(({ fate, nodes }) => [fate, nodes.map(({ id }) => id)])).toEqual([
      ["runs", ["clean", "send"]],
      ["undecided", ["check"]],
      ["reused", ["load"]],
    ]);
    expect(fates(PLAN)[0]?.nodes[0]).toEqual({ id: "clean", why: "Its definition has changed.", turns: 2 });
    expect(planSentence(PLAN)).toBe("2 nodes will run, 1 only if its input has changed, 1 keeps its result.");
    expect(planSentence({ reused: ["a", "b"], runs: ["c"], undecided: [], nodes: [] })).toBe("1 node will run, 2 keep their results.");
  });
});
