import { describe, expect, it } from "vitest";
import type { Run } from "../api/types";
import { replay } from "../stream/reduce";
import { waitingRun } from "../stream/sample";
import { sentence, waitingNodes } from "./waiting";

const GRAPH = { nodes: ["stop", "each", "ask"].map((id) => ({ id, type: "x" })), edges: [] };

describe("what a run waits for", () => {
  it("[UI-21] names what people can do something about first, and nothing once it goes on", () => {
    const waiting = (count: number) => {
      const { nodes } = replay(waitingRun().slice(0, count));
      return waitingNodes(GRAPH, (id) => nodes.get(id));
    };
    const run = { status: "WAITING", reason: { code: "waiting", message: "The run waits." } } as Run;
    expect(waiting(15).map(({ id, code }) => [id, code])).toEqual([["each", "waiting_for_approval"], ["ask", "waiting_for_approval"]]);
    expect(sentence(run, waiting(15))).toBe("Waits for an answer at each, ask.");
    expect(sentence(run, waiting(5))).toBe("Stopped before stop.");
    expect(sentence(run, waiting(9))).toBe("The run waits.");
    expect(sentence({ ...run, status: "RUNNING" }, waiting(9))).toBe("");
  });
});
