import { describe, expect, it } from "vitest";
import type { Catalog, NodeType } from "../document";
import sample from "./catalog.sample.json";
import { configFields } from "./config-fields";
import { type Control, type Field, fieldsOf, titleOf } from "./fields";
import { blank, fits, isJsonText, modeOf, modesOf, pointerTo, scalarOf, valueAt, withName, withValue } from "./values";

const catalog: Catalog = sample;
const type = (name: string): NodeType => catalog.nodeTypes.find((one) => one.name === name)!;
const fields = (name: string, config: unknown = {}) => configFields(type(name), config, catalog);

/** Fields by key, each with the kind of its control. */
function kinds(found: Field[]): Record<string, string> {
  return Object.fromEntries(found.map(({ key, control, role }) => [key, role === "template" ? control.kind : `${control.kind} (${role})`]));
}

function inside(control: Control): Field[] {
  if (control.kind === "object") return control.fields;
  return control.kind === "list" ? inside(control.item.control) : [];
}

describe("the forms of node types", () => {
  it("[EDIT-20] has a control for every field of every built-in type", () => {
    expect(Object.fromEntries(catalog.nodeTypes.map(({ name }) => [name, kinds(fields(name))]))).toEqual({
      approval: { prompt: "text", schema: "any (literal)", timeout: "number", on_timeout: "any" },
      condition: { branches: "list", default: "text (literal)" },
      delay: { seconds: "number", until: "text" },
      http: { method: "text", url: "text", headers: "map", query: "map", json: "any", body: "text", expect_status: "list", follow_redirects: "boolean" },
      input: { schema: "any (literal)" },
      llm: {
        model: "text", prompt: "text", messages: "list", system: "text", temperature: "number", max_tokens: "number", schema: "any (literal)",
        tools: "list (literal)", max_tool_rounds: "number", base_url: "text", api_key: "text", timeout: "number", options: "map", prices: "object",
      },
      map: { items: "any", node: "inner", workflow: "pick", version: "scalar", input: "any", concurrency: "number", on_item_error: "choice" },
      output: { value: "any" },
      subworkflow: { workflow: "pick", version: "number", input: "any" },
      tool: { tool: "pick (literal)", args: "map" },
      transform: { value: "any" },
    });
    expect(kinds(inside(fields("condition")[0]!.control))).toEqual({ name: "text (literal)", when: "text (expression)" });
    expect(kinds(inside(fields("llm").find(({ key }) => key === "messages")!.control))).toMatchObject({ role: "choice", content: "text", tool_call_id: "text" });
    expect(kinds(inside(fields("llm").find(({ key }) => key === "prices")!.control))).toEqual({ input: "number", output: "number" });
  });

  it("[EDIT-20] asks for the arguments of the tool that is chosen", () => {
    const args = fields("tool", { tool: "quality.check" }).find(({ key }) => key === "args")!;
    expect(kinds(inside(args.control))).toEqual({ table: "any", limits: "map", repaired: "any" });
    expect(inside(args.control).map(({ required }) => required)).toEqual([true, true, false]);
    for (const tool of catalog.tools) expect(inside(fields("tool", { tool: tool.name })[1]!.control).length).toBeGreaterThan(0);
  });

  it("[EDIT-20] says titles as people do, and what is needed", () => {
    expect(["url", "expect_status", "onTimeout", "json"].map((key) => titleOf(key))).toEqual(["URL", "Expect status", "On timeout", "JSON"]);
    expect(titleOf("max_tokens", "Most tokens")).toBe("Most tokens");
    expect(fields("http").filter(({ required }) => required).map(({ key }) => key)).toEqual(["url"]);
  });

  it("[EDIT-21] shows every value as it is: in its controls, as a template, or as JSON", () => {
    const [method, url, headers] = fields("http");
    const follow = fields("http").at(-1)!;
    expect(modeOf(method!, "GET")).toBe("form");
    expect(modeOf(url!, 7)).toBe("json");
    expect(modeOf(headers!, { a: 1 })).toBe("form");
    expect(modeOf(headers!, "{{ input.headers }}")).toBe("template");
    expect(modeOf(headers!, ["odd"])).toBe("json");
    expect(modeOf(follow, "{{ input.follow }}")).toBe("template");
    expect(modeOf(follow, true)).toBe("form");
    expect(modeOf(fields("transform")[0]!, "plain")).toBe("template");
    expect(modeOf(fields("transform")[0]!, { a: ["{{ x }}"] })).toBe("json");
    expect(modeOf(fields("input")[0]!, { type: "object" })).toBe("json");
    for (const { name } of catalog.nodeTypes) for (const field of fields(name)) expect(modesOf(field)).toContain("json");
  });

  it("[EDIT-21] begins with values that its controls can show", () => {
    for (const { name } of catalog.nodeTypes) for (const field of fields(name)) expect(field.control.kind === "any" || fits(field.control, blank(field))).toBe(true);
  });

  it("[EDIT-21] survives schemas that nobody has thought of", () => {
    const odd = { $defs: { a: { $ref: "#/$defs/a" }, deep: { type: "object", properties: { more: { $ref: "#/$defs/deep" } } } } };
    const properties = { self: { $ref: "#/$defs/a" }, gone: { $ref: "#/$defs/none" }, deep: { $ref: "#/$defs/deep" }, yes: true, types: { type: ["string", "null"] }, none: { anyOf: [] } };
    expect(kinds(fieldsOf({ ...odd, type: "object", properties }))).toEqual({ self: "any", gone: "any", deep: "object", yes: "any", types: "text", none: "any" });
    for (const schema of [null, true, {}, { type: "string" }, { properties: 3 }]) expect(fieldsOf(schema)).toEqual([]);
  });
});

describe("values in a document", () => {
  const node = { id: "a", config: { list: [1, { x: 2 }], "odd/name": null }, more: { kept: true } };

  it("[EDIT-22] changes one place and nothing beside it", () => {
    const next = withValue(node, ["config", "list", 1, "x"], 3);
    expect(next).toEqual({ ...node, config: { list: [1, { x: 3 }], "odd/name": null } });
    expect(next.more).toBe(node.more);
    expect(node.config.list[1]).toEqual({ x: 2 });
    expect(valueAt(next, ["config", "list", 1, "x"])).toBe(3);
    expect(valueAt(next, ["config", "list", "1", "toString"])).toBeUndefined();
  });

  it("[EDIT-22] takes out what is undefined, and keeps the order of names", () => {
    expect(withValue(node, ["config", "list", 0], undefined).config.list).toEqual([{ x: 2 }]);
    expect(Object.keys(withValue(node, ["config"], undefined))).toEqual(["id", "more"]);
    expect(Object.keys(withValue(node, ["id"], "b"))).toEqual(["id", "config", "more"]);
    expect(Object.keys(withName({ a: 1, b: 2, c: 3 }, "b", "z"))).toEqual(["a", "z", "c"]);
    expect(withValue({}, ["__proto__", "x"], 1)).not.toEqual({});
  });

  it("[EDIT-22] points as the server does", () => {
    expect(pointerTo(["nodes", 0, "config", "odd/name", "a~b"])).toBe("/nodes/0/config/odd~1name/a~0b");
  });

  it("[EDIT-22] takes a text for a number only where numbers are meant", () => {
    expect([scalarOf("404", true, undefined), scalarOf("404", false, undefined), scalarOf("2", false, 1), scalarOf("2", true, "1")]).toEqual([404, "404", 2, "2"]);
    expect([scalarOf("2xx", true, 200), scalarOf("0123", true, undefined), scalarOf("false", false, true)]).toEqual(["2xx", "0123", false]);
  });

  it("[EDIT-66] knows a text that is the JSON of an object or a list", () => {
    expect(['{"a": 1}', " [1, 2]"].map(isJsonText)).toEqual([true, true]);
    expect(["{{ a }}", "{", "12", "plain", '"text"', { a: 1 }].map(isJsonText)).toEqual([false, false, false, false, false, false]);
  });
});
