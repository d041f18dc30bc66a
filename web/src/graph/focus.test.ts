import { describe, expect, it } from "vitest";
import { reduceAll, replay } from "../stream/reduce";
import { event, failedRun, waitingRun } from "../stream/sample";
import { statusOf } from "../stream/state";
import { focusNode } from "./focus";

describe("where a run opens", () => {
  it("[UI-7] opens at the node that failed, else at one that is at work, else at none", () => {
    const graph = { nodes: ["a", "side", "b", "c"].map((id) => ({ id, type: "x" })), edges: [] };
    const failed = replay(failedRun());
    expect(focusNode(graph, (id) => failed.nodes.get(id))).toBe("b");
    const running = replay(failedRun().slice(0, 7));
    expect(focusNode(graph, (id) => running.nodes.get(id))).toBe("b");
    const idle = replay(failedRun().slice(0, 6));
    expect(focusNode(graph, (id) => idle.nodes.get(id))).toBeNull();
  });

  it("[UI-7] passes over a failure that an error edge has handled", () => {
    const graph = { nodes: ["a", "b"].map((id) => ({ id, type: "x" })), edges: [{ source: "b", target: "c", on: "error" }] };
    const state = reduceAll(replay(failedRun().slice(0, 8)), [event("node.started", "a")].map((item) => ({ ...item, seq: 9 })));
    expect(focusNode(graph, (id) => state.nodes.get(id))).toBe("a");
  });

  it("[UI-7] prefers a node that waits for people to one that is at work", () => {
    const graph = { nodes: ["stop", "each", "ask"].map((id) => ({ id, type: "x" })), edges: [] };
    const state = replay(waitingRun().slice(0, 13));
    expect([statusOf(state.nodes.get("each")), focusNode(graph, (id) => state.nodes.get(id))]).toEqual(["RUNNING", "ask"]);
  });
});
