import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesBetween, changesOfWritten, sameGraph } from "./changes";
import { copied, pasted } from "./clipboard";
import type { GraphDoc } from "./document";
import { carried, placeOf, remove, setPlaces } from "./edits";
import { copyNumbers, NO_NUMBERS, numbersIn, parseExact, wayTo, withNumbersAt, writeExact } from "./exact";
import { begin, push, redo, TOGETHER_MS, undo } from "./history";
import { changeBetween, readText, textOf } from "./json-text";
import { merge } from "./merge";
import { readDocument } from "./reading";

const STORED = `{"nodes":[{"id":"α β","type":"transform","config":{"value":{"one":1.0,"big":12345678901234567890,"small":1e-7,"list":[0.10,-0,"1.0"]}},"timeout":120.0,"metadata":{"x":null}},{"id":"b","type":"own.type","unheard_of":[{"nodes":[{"id":"b","n":2.50}]}]}],"edges":[{"source":"α β","target":"b","condition":"a > 1.0","metadata":{"w":3.0}}],"settings":{"timeout":60.0},"later":{"v":7.00}}`;

const DOC: GraphDoc = {
  nodes: [
    { id: "fetch", type: "http", config: { url: "{{ input.url }}" }, position: { x: 0, y: 0 } },
    { id: "score", type: "transform", config: { value: "{{ fetch.output.text }} of fetch" } },
    { id: "say", type: "output", config: { value: '{{ nodes["score"].output }}' } },
  ],
  edges: [
    { source: "fetch", target: "score", condition: "fetch.output.status == 200" },
    { source: "score", target: "say" },
    { source: "fetch", target: "say", on: "error" },
  ],
  entry: "fetch",
};

describe("a document in the editor", () => {
  it("[EDIT-1] is written as it was read, down to how its numbers were written", () => {
    const { value, numbers } = parseExact(STORED);
    const read = readDocument(value);
    expect(read.ok && writeExact(read.doc, numbers)).toBe(STORED);
  });

  it("[EDIT-1] is written as it was read when it comes inside of an answer", () => {
    const { value, numbers } = parseExact(`{"version":3.0,"graph":${STORED}}`);
    expect(writeExact((value as { graph: unknown }).graph, numbersIn("graph", numbers))).toBe(STORED);
  });

  it("[EDIT-1] keeps its numbers where nodes come and go, and takes those that are changed", () => {
    const { value, numbers } = parseExact(STORED);
    const doc = value as GraphDoc;
    const more = { ...doc, nodes: [{ id: "new", type: "input" }, ...doc.nodes], settings: { timeout: 61 } };
    const text = writeExact(more, numbers);
    expect(text).toContain('"big":12345678901234567890');
    expect(text).toContain('"timeout":120.0');
    expect(text).toContain('"settings":{"timeout":61}');
  });

  it("[EDIT-63] has its parts read and written alone, with the numbers that stand there", () => {
    const { value, numbers } = parseExact(STORED);
    const doc = value as GraphDoc;
    const way = wayTo(doc, ["nodes", 0, "config", "value"]);
    expect(way).toEqual(["nodes", "α β", "config", "value"]);
    const part = (doc.nodes[0]!.config as { value: unknown }).value;
    expect(writeExact(part, numbers, undefined, way)).toBe('{"one":1.0,"big":12345678901234567890,"small":1e-7,"list":[0.10,-0,"1.0"]}');
    const next = parseExact('{"big":12345678901234567891}', way);
    const all = withNumbersAt(way, numbers, next.numbers);
    const changed = { ...doc, nodes: doc.nodes.map((node, at) => (at === 0 ? { ...node, config: { value: next.value } } : node)) };
    expect(writeExact(changed, all)).toContain('"config":{"value":{"big":12345678901234567891}},"timeout":120.0');
    expect(withNumbersAt(way, all, next.numbers)).toBe(all);
  });

  it("[EDIT-1] is the same value for any JSON", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { value, numbers } = parseExact(text);
        expect(JSON.parse(writeExact(value, numbers, 2))).toEqual(JSON.parse(text));
        expect(parseExact(writeExact(value, numbers)).numbers).toEqual(numbers);
      }),
    );
  });

  it("[EDIT-2] is read with ends by other names, and in the form of dependencies", () => {
    const named = readDocument({ nodes: [{ id: "a", type: "x" }, { id: "b", type: "x" }], edges: [{ from_node_id: "a", to_node_id: "b" }, { from: "b", to: "a", condition: "else" }] });
    expect(named.ok && named.doc.edges).toEqual([{ source: "a", target: "b" }, { source: "b", target: "a", condition: "else" }]);
    const dag = readDocument({ name: "N", dag: { nodes: [{ id: "a", handler: "call_external_service", config: { url: "u" } }, { id: "b", handler: "own", dependencies: ["a"] }] } });
    expect(dag.ok && dag.doc).toEqual({
      name: "N",
      nodes: [{ id: "a", type: "http", config: { url: "u" } }, { id: "b", type: "own" }],
      edges: [{ source: "a", target: "b" }],
    });
  });

  it.each([
    ["[]", "JSON object"],
    ['{"nodes": [{"type": "x"}]}', "/nodes/0"],
    ['{"nodes": [{"id": "a"}, {"id": "a"}]}', "“a”"],
    ['{"nodes": [], "edges": [{"source": "a"}]}', "/edges/0"],
    ['{"nodes": [', "Not JSON yet"],
  ])("[EDIT-2] is refused with what is in the way: %s", (text, said) => {
    const read = readText(text);
    expect(!read.ok && read.message).toContain(said);
  });

  it("[EDIT-13] is one text whose change is the smallest that there is", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const change = changeBetween(before, after);
        expect(change ? before.slice(0, change.from) + change.insert + before.slice(change.to) : before).toBe(after);
      }),
    );
    const written = { doc: DOC, numbers: NO_NUMBERS };
    const read = readText(textOf(written));
    expect(read.ok && sameGraph(read.written, written)).toBe(true);
  });

  it("[EDIT-6] changes in nothing but places when nodes are moved", () => {
    const next = setPlaces(DOC, new Map([["fetch", { x: 10.4, y: 20.6 }], ["say", { x: 5, y: 5 }]]));
    expect(next.nodes.map(placeOf)).toEqual([{ x: 10, y: 21 }, null, { x: 5, y: 5 }]);
    expect(next.nodes[1]).toBe(DOC.nodes[1]);
    expect(setPlaces(next, new Map()).nodes).toEqual(next.nodes);
    const changed = changesBetween(DOC, next);
    expect(changed.nodes.changed.flatMap(({ changes }) => changes.map(({ pointer }) => pointer))).toEqual(["/position/x", "/position/y", "/position"]);
  });

  it("[EDIT-7] has changed also where a number has that would be rounded to the same", () => {
    const at = (text: string) => {
      const { value, numbers } = parseExact(`{"nodes":[{"id":"a","type":"x","config":{"n":${text}}}],"edges":[]}`);
      return { doc: value as GraphDoc, numbers };
    };
    const found = changesOfWritten(at("12345678901234567890"), at("12345678901234567891"));
    expect(found.nodes.changed.map(({ id, changes }) => [id, changes.map(({ pointer }) => pointer)])).toEqual([["a", ["/config/n"]]]);
    expect(changesOfWritten(at("1.0"), at("1")).nodes.changed).toEqual([]);
  });

  it("loses edges and the entry with their node", () => {
    const next = remove(DOC, { kind: "node", id: "fetch" });
    expect(next).toEqual({ nodes: DOC.nodes.slice(1), edges: [{ source: "score", target: "say" }] });
    expect(carried({ kind: "many", ids: ["fetch", "say"] }, DOC, next)).toEqual({ kind: "node", id: "say" });
  });
});

describe("steps back", () => {
  it("[EDIT-3] lead to each state before and forth again, whatever was done", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (states) => {
        let history = begin(-1);
        states.forEach((state, index) => (history = push(history, state, "change", null, index)));
        for (const state of [...states].reverse()) {
          expect(history.present.state).toBe(state);
          history = undo(history);
        }
        expect(history.present.state).toBe(-1);
        states.forEach(() => (history = redo(history)));
        expect(history.present.state).toBe(states.at(-1) ?? -1);
      }),
    );
  });

  it("[EDIT-3] take together what is typed into one field without a pause", () => {
    const typed = ["a", "ab", "abc"].reduce((history, text, index) => push(history, text, "Type", "name", index * 100), begin(""));
    expect(undo(typed).present.state).toBe("");
    const later = push(typed, "abcd", "Type", "name", 200 + TOGETHER_MS);
    expect(undo(later).present.state).toBe("abc");
    const elsewhere = push(typed, "x", "Type", "description", 250);
    expect(undo(elsewhere).present.state).toBe("abc");
    expect(undo(push(undo(typed), "b", "Type", "name", 260)).present.state).toBe("");
  });
});

describe("copies", () => {
  const places = new Map([["fetch", { x: 0, y: 0 }], ["score", { x: 100, y: 0 }], ["say", { x: 200, y: 0 }]]);

  it("[EDIT-4] have free ids, the edges between them, and references to one another", () => {
    const text = copied(DOC, NO_NUMBERS, { kind: "many", ids: ["fetch", "score"] }, places)!;
    const made = pasted(DOC, NO_NUMBERS, text, null, [])!;
    expect(made.ids).toEqual(["fetch_2", "score_2"]);
    expect(made.doc.nodes.slice(0, 3)).toEqual(DOC.nodes);
    expect(made.doc.nodes[4]!.config).toEqual({ value: "{{ fetch_2.output.text }} of fetch" });
    expect(made.doc.edges.slice(3)).toEqual([{ source: "fetch_2", target: "score_2", condition: "fetch_2.output.status == 200" }]);
    expect(placeOf(made.doc.nodes[3]!)).not.toEqual(placeOf(DOC.nodes[0]!));
  });

  it("[EDIT-4] can be pasted into another graph as they are, at a place, with the state that they write", () => {
    const from: GraphDoc = { nodes: [{ id: "count", type: "transform", config: { value: 1 }, writes: { total: "{{ output }}" } }], edges: [], state: { total: { reducer: "add", default: 0 }, other: {} } };
    const text = copied(from, NO_NUMBERS, { kind: "node", id: "count" }, new Map([["count", { x: 50, y: 60 }]]))!;
    const made = pasted(DOC, NO_NUMBERS, text, { x: 500, y: 600 }, [])!;
    expect(made.doc.nodes.at(-1)).toEqual({ ...from.nodes[0], position: { x: 500, y: 600 } });
    expect(made.doc.state).toEqual({ total: { reducer: "add", default: 0 } });
  });

  it("[EDIT-4] keep how their numbers were written, and texts that are no graph are left alone", () => {
    const { value, numbers } = parseExact('{"nodes":[{"id":"a","type":"transform","config":{"value":1.50}}],"edges":[]}');
    const text = copied(value as GraphDoc, numbers, { kind: "node", id: "a" }, new Map())!;
    const made = pasted(value as GraphDoc, numbers, text, null, [])!;
    expect(writeExact(made.doc, made.numbers).match(/1\.50/g)).toHaveLength(2);
    expect(copyNumbers(numbers, NO_NUMBERS, new Map())).toBe(numbers);
    expect(pasted(DOC, NO_NUMBERS, "hello", null, [])).toBeNull();
    expect(pasted(DOC, NO_NUMBERS, '{"a": 1}', null, [])).toBeNull();
  });
});

describe("what has changed", () => {
  it("[EDIT-7] is told node by node, edge by edge and field by field", () => {
    const after: GraphDoc = {
      nodes: [DOC.nodes[0]!, { ...DOC.nodes[1]!, config: { value: "x" }, name: "Score" }, { id: "new", type: "delay" }],
      edges: [{ ...DOC.edges[0]!, condition: "true" }, { source: "score", target: "new" }],
      settings: { timeout: 5 },
    };
    expect(changesBetween(DOC, after)).toEqual({
      nodes: {
        added: [{ id: "new", type: "delay" }],
        removed: [DOC.nodes[2]],
        changed: [{ id: "score", changes: [{ pointer: "/config/value", before: "{{ fetch.output.text }} of fetch", after: "x" }, { pointer: "/name", after: "Score" }] }],
      },
      edges: {
        added: [{ source: "score", target: "new" }],
        removed: [{ source: "score", target: "say" }, { source: "fetch", target: "say", on: "error" }],
        changed: [{ source: "fetch", target: "score", changes: [{ pointer: "/condition", before: "fetch.output.status == 200", after: "true" }] }],
      },
      graph: [{ pointer: "/entry", before: "fetch" }, { pointer: "/settings", after: { timeout: 5 } }],
    });
  });

  it("[EDIT-15] on both sides is joined; where both have changed one thing, mine is taken and it is said", () => {
    const node = (id: string, value: unknown) => ({ id, type: "transform", config: { value } });
    const base: GraphDoc = { nodes: [node("a", 1), node("b", 1), node("c", 1), node("d", 1)], edges: [{ source: "a", target: "b" }, { source: "b", target: "c" }] };
    const mine: GraphDoc = { ...base, nodes: [node("a", 2), node("b", 2), node("c", 1), node("mine", 1)], edges: [...base.edges, { source: "a", target: "mine" }], settings: { timeout: 1 } };
    const theirs: GraphDoc = { ...base, nodes: [node("a", 1), node("b", 3), node("d", 1), node("theirs", 1)], edges: [{ source: "a", target: "b" }, { source: "b", target: "theirs" }] };
    const { doc, contested } = merge(base, mine, theirs);
    expect(doc.nodes).toEqual([node("a", 2), node("b", 2), node("theirs", 1), node("mine", 1)]);
    expect(doc.edges).toEqual([{ source: "a", target: "b" }, { source: "b", target: "theirs" }, { source: "a", target: "mine" }]);
    expect(doc.settings).toEqual({ timeout: 1 });
    expect(contested).toEqual(["b"]);
  });
});
