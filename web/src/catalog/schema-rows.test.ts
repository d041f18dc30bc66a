import { describe, expect, it } from "vitest";
import { nodeOf, rowsOf } from "./schema-rows";

const SCHEMA = {
  type: "object",
  $defs: { Branch: { type: "object", required: ["when"], properties: { when: { type: "string" }, then: { $ref: "#/$defs/Branch" } } } },
  required: ["url", "branches"],
  properties: {
    url: { type: "string", description: "Where to." },
    method: { enum: ["GET", "POST"], default: "GET" },
    body: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    headers: { type: "object", additionalProperties: { anyOf: [{ type: "string" }, { type: "integer" }] } },
    branches: { type: "array", items: { $ref: "#/$defs/Branch" } },
  },
};

// UI-80
describe("the fields of a schema", () => {
  it("are told with their types, defaults and those inside them", () => {
    const rows = rowsOf(SCHEMA);
    expect(rows.slice(0, 6).map(({ path, type, required, initial }) => [path, type, required, initial])).toEqual([
      ["url", "string", true, null],
      ["method", '"GET" | "POST"', false, '"GET"'],
      ["body", "string", false, null],
      ["headers", "map to string | integer", false, null],
      ["branches", "list of object", true, null],
      ["branches[].when", "string", true, null],
    ]);
    expect(rows[0]!.description).toBe("Where to.");
  });

  it("end where a schema goes on without end", () => {
    expect(rowsOf(SCHEMA).at(-1)!.path.split(".then").length).toBeLessThan(6);
    expect([rowsOf(null), rowsOf(true), rowsOf({ type: "string" })]).toEqual([[], [], []]);
  });

  it("make a node that can be pasted", () => {
    expect(nodeOf("http", SCHEMA)).toEqual({ id: "http", type: "http", config: { url: "", branches: "" } });
  });
});
