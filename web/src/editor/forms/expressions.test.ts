import { describe, expect, it } from "vitest";
import type { GraphDoc } from "../document";
import { followNodes, parseExact, writeExact } from "../exact";
import sample from "./catalog.sample.json";
import { cueAt, fieldsIn, wordsFor } from "./completion";
import { nameOf, segmentsOf } from "./expressions";
import { inExpression, inTemplate, withNodeRenamed } from "./rename";
import { isInLoop, upstreamOf } from "./upstream";

const cue = (text: string, role: "template" | "expression" | "literal" = "template") => cueAt(text.replace("¦", ""), text.indexOf("¦"), role);

describe("completion", () => {
  it("[EDIT-24] knows what is being written", () => {
    expect(cue("a {{ ¦ }}")).toEqual({ kind: "member", path: [], from: 5 });
    expect(cue("{{ fetch.output.it¦ }}")).toEqual({ kind: "member", path: ["fetch", "output"], from: 16 });
    expect(cue('{{ nodes["a b"].output[0].¦')).toEqual({ kind: "member", path: ["nodes", "a b", "output", 0], from: 26 });
    expect(cue('{{ nodes["fe¦')).toEqual({ kind: "key", path: ["nodes"], from: 10, quote: '"' });
    expect(cue("{{ x.y | to¦ }}")).toEqual({ kind: "filter", from: 9 });
    expect(cue("{{ x is not de¦ }}")).toEqual({ kind: "test", from: 12 });
    expect(cue("score.output > ¦", "expression")).toEqual({ kind: "member", path: [], from: 15 });
    expect(cue("{% for x in fe¦ %}")).toEqual({ kind: "member", path: [], from: 12 });
    expect(cue("{{ input.a == 'x' and st¦ }}")).toMatchObject({ kind: "member", path: [] });
  });

  it("[EDIT-24] keeps quiet where no expression is", () => {
    for (const text of ["plain ¦", "{{ x }} ¦", "{{ 'te¦", "{# {{ ¦ #}", "{{ f(x).¦", "{{ input ¦ }}"]) expect(cue(text)).toBeNull();
    expect(cue("{{ ¦", "literal")).toBeNull();
  });

  it("[EDIT-24] offers the fields of a value, whatever their names", () => {
    const value = { plain: 1, "odd name": [1, 2], 'q"': { a: 1 } };
    const member = fieldsIn(value, { kind: "member", path: [], from: 0 });
    expect(member.map(({ label, apply, detail }) => [label, apply ?? label, detail])).toEqual([
      ["plain", "plain", "1"], ["odd name", '["odd name"]', "list of 2"], ['q"', '["q\\""]', "{a}"],
    ]);
    expect(fieldsIn(value, { kind: "key", path: [], from: 0, quote: '"' }).map(({ apply }) => apply)).toEqual(["plain", "odd name", 'q\\"']);
    expect(fieldsIn([1], { kind: "member", path: [], from: 0 })).toEqual([]);
    expect(wordsFor({ kind: "filter", from: 0 }).map(({ label }) => label)).toContain("tojson");
  });

  it("[EDIT-24] finds the ends of expressions outside of quotes only", () => {
    expect(segmentsOf("{{ '}}' }} {% if x %}{# {{ #}{{ open").map(({ kind, closed }) => [kind, closed])).toEqual([["output", true], ["tag", true], ["output", false]]);
  });

  it("[EDIT-24] offers what is upstream, and in a loop all of it", () => {
    const doc: GraphDoc = {
      nodes: ["a", "b", "c", "d", "x"].map((id) => ({ id, type: "transform" })),
      edges: [["a", "b"], ["b", "c"], ["c", "b"], ["c", "d"]].map(([source, target]) => ({ source: source!, target: target! })),
    };
    expect([upstreamOf(doc, "a"), upstreamOf(doc, "b"), upstreamOf(doc, "d"), upstreamOf(doc, "x")]).toEqual([[], ["a", "b", "c"], ["a", "b", "c"], []]);
    expect([isInLoop(doc, "b"), isInLoop(doc, "d")]).toEqual([true, false]);
  });
});

describe("a node's new name", () => {
  it("[EDIT-23] goes into templates and conditions, and nowhere else", () => {
    expect(inTemplate("fetch {{ fetch.output.fetch }} {{ x.fetch | fetch }}", "fetch", "get")).toBe("fetch {{ get.output.fetch }} {{ x.fetch | fetch }}");
    expect(inTemplate("{{ nodes['fetch'].output }} {{ nodes[\"fetch\"] }} {{ 'fetch' }}", "fetch", "get")).toBe("{{ nodes['get'].output }} {{ nodes[\"get\"] }} {{ 'fetch' }}");
    expect(inTemplate("{{ fetch.output }}", "fetch", "get it")).toBe('{{ nodes["get it"].output }}');
    expect(inTemplate('{{ nodes["a b"].x }}', "a b", "c")).toBe('{{ nodes["c"].x }}');
    expect(inTemplate("{% for fetch in xs %}{{ fetch }}{% endfor %}", "fetch", "get")).toBe("{% for fetch in xs %}{{ fetch }}{% endfor %}");
    expect(inTemplate("{% if fetch.status == 'COMPLETED' %}y{% endif %}", "fetch", "get")).toBe("{% if get.status == 'COMPLETED' %}y{% endif %}");
    expect(inExpression("fetch.output > 1 and not fetch.error", "fetch", "get")).toBe("get.output > 1 and not get.error");
    expect([nameOf("a"), nameOf("input"), nameOf("a-b")]).toEqual(["a", 'nodes["input"]', 'nodes["a-b"]']);
  });

  it("[EDIT-23] leaves numbers as they were written", () => {
    const { value, numbers } = parseExact('{"nodes":[{"id":"a","type":"x","config":{"n":1.0,"big":12345678901234567890}}],"edges":[]}');
    const doc = value as GraphDoc;
    const next = withNodeRenamed(doc, "a", "b", []);
    expect(writeExact(next, followNodes(numbers, doc, next))).toBe('{"nodes":[{"id":"b","type":"x","config":{"n":1.0,"big":12345678901234567890}}],"edges":[]}');
  });

  it("[EDIT-23] is given to edges, the entry and every place that means the node", () => {
    const doc: GraphDoc = {
      nodes: [
        { id: "a", type: "transform", config: { value: { "{{ a }}": "{{ a.output }}" } } },
        { id: "c", type: "condition", config: { branches: [{ name: "{{ a }}", when: "a.output" }] }, writes: { n: "{{ a.output }}" } },
        { id: "other", type: "approval", config: { schema: { title: "{{ a.output }}" } } },
      ],
      edges: [{ source: "a", target: "c", condition: "a.output > 0", mine: 1 }, { source: "c", target: "other" }],
      entry: "a",
    };
    const next = withNodeRenamed(doc, "a", "b", sample.nodeTypes);
    expect(next).toEqual({
      nodes: [
        { id: "b", type: "transform", config: { value: { "{{ a }}": "{{ b.output }}" } } },
        { id: "c", type: "condition", config: { branches: [{ name: "{{ a }}", when: "b.output" }] }, writes: { n: "{{ b.output }}" } },
        doc.nodes[2],
      ],
      edges: [{ source: "b", target: "c", condition: "b.output > 0", mine: 1 }, { source: "c", target: "other" }],
      entry: "b",
    });
    expect(next.nodes[2]).toBe(doc.nodes[2]);
  });
});
