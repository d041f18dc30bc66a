import { describe, expect, it } from "vitest";
import type { Page, RunSummary } from "../api/types";
import { exampleInput, parseInput } from "./example-input";
import { applyRunEvent, mergeFirstPage, type RunPages } from "./merge";
import { tokens } from "../ui/json-tokens";
import { span } from "../ui/time";
import { event } from "../stream/sample";

function run(id: string, seq = 1, status: RunSummary["status"] = "RUNNING"): RunSummary {
  return { id, status, last_seq: seq, started_at: null, finished_at: null } as RunSummary;
}

function pages(...ids: string[][]): RunPages {
  const list: Page<RunSummary>[] = ids.map((page) => ({ items: page.map((id) => run(id)), next_cursor: "next" }));
  return { pages: list, pageParams: list.map(() => "") };
}

const ids = (data: RunPages) => data.pages.map((page) => page.items.map((item) => item.id));

describe("the list of runs", () => {
  it("[UI-12] takes new runs to the front and loses none of the pages that were loaded", () => {
    const merged = mergeFirstPage(pages(["c", "b"], ["a"]), { items: [run("e"), run("d")], next_cursor: "x" });
    expect(ids(merged)).toEqual([["e", "d", "c", "b"], ["a"]]);
  });

  it("[UI-12] prefers the newer facts of a run", () => {
    const fresh = { items: [run("b", 5, "COMPLETED"), run("a", 0, "PENDING")], next_cursor: null };
    const merged = mergeFirstPage(pages(["b"], ["a"]), fresh);
    expect(merged.pages.map((page) => page.items[0]!.status)).toEqual(["COMPLETED", "RUNNING"]);
  });

  it("[UI-12] applies an event once, and lets go what has left the filter", () => {
    const end = { ...event("run.failed"), run_id: "a", seq: 9 };
    const after = applyRunEvent(pages(["b", "a"]), end, {});
    expect(after.pages[0]!.items[1]).toMatchObject({ status: "FAILED", last_seq: 9, finished_at: end.at });
    expect(applyRunEvent(after, end, {})).toBe(after);
    expect(ids(applyRunEvent(pages(["b", "a"]), end, { status: "RUNNING" }))).toEqual([["b"]]);
  });
});

describe("the input of a run", () => {
  const workflow = { name: "W", graph: { nodes: [{ id: "in", type: "input", config: { schema: { type: "object", properties: { n: { type: "integer" }, s: { default: "x" } } } } }], edges: [] } };
  it("[UI-13] is filled in from the template, else from the schema", () => {
    const template = { id: "t", name: "W", description: "", graph: workflow.graph, input: { n: 4 } };
    expect(exampleInput(workflow as never, [template as never])).toEqual({ n: 4 });
    expect(exampleInput(workflow as never, [])).toEqual({ n: 0, s: "x" });
    const written = { ...template, name: "Another name", graph: { dag: { nodes: [{ id: "in" }] } } };
    expect(exampleInput(workflow as never, [written as never])).toEqual({ n: 4 });
  });

  it("[UI-13] says what is wrong with what is no JSON", () => {
    expect(parseInput("")).toEqual({ ok: true, value: {} });
    expect(parseInput("{")).toMatchObject({ ok: false });
  });
});

describe("texts", () => {
  it("colours JSON without changing a character", () => {
    const text = JSON.stringify({ a: [1, -2.5e3, "x\"y", null, true], "b:c": { d: "" } }, null, 2);
    expect(tokens(text).map((part) => part.text).join("")).toBe(text);
    expect(tokens('{"a": 1}').map((part) => part.kind)).toEqual([null, "key", null, null, "number", null]);
  });

  it("prints spans of time", () => {
    expect([0, 840, 3200, 42_000, 245_000, 7_860_000].map(span)).toEqual(["0 ms", "840 ms", "3.2 s", "42 s", "4 min 05 s", "2 h 11 min"]);
  });
});
