import { describe, expect, it } from "vitest";
import type { Json } from "../api/types";
import { seeded } from "../stream/sample";
import { draftOf, fieldOf, place, read } from "./fields";

const REVIEW = {
  type: "object",
  properties: {
    send: { type: "boolean", title: "Send it" },
    tone: { enum: ["warm", "plain"], default: "plain" },
    copies: { type: "integer" },
    note: { type: "string", description: "For the file." },
    extra: { type: "array", items: { type: "string" } },
  },
  required: ["send"],
};

/** A schema that fields can ask for, with a value that fits it. */
function sample(random: () => number, depth = 0): [schema: Record<string, unknown>, value: Json] {
  const pick = Math.floor(random() * (depth > 2 ? 5 : 6));
  if (pick === 0) return [{ type: "boolean" }, random() < 0.5];
  if (pick === 1) return [{ type: "integer" }, Math.floor(random() * 1e6) - 5e5];
  if (pick === 2) return [{ type: "number" }, random() * 1e9 - 5e8];
  if (pick === 3) return [{ type: "string", ...(random() < 0.5 ? { maxLength: 20 } : {}) }, `t ${random()}\n"`];
  if (pick === 4) return [{ enum: [null, 1, "1", { a: 1 }] }, [null, 1, "1", { a: 1 }][Math.floor(random() * 4)]!];
  const names = ["a", "b/c", "d~e", ""].filter(() => random() < 0.7);
  if (names.length === 0) return [{ type: "array" }, [1, { deep: [random()] }]];
  const inner = names.map((name) => [name, sample(random, depth + 1)] as const);
  const required = names.filter(() => random() < 0.5);
  const properties = Object.fromEntries(inner.map(([name, [schema]]) => [name, schema]));
  return [{ type: "object", properties, required }, Object.fromEntries(inner.map(([name, [, value]]) => [name, value]))];
}

describe("the form of an answer", () => {
  it("[UI-23] asks for booleans, choices, texts, numbers and objects of them, and for anything else as JSON", () => {
    const field = fieldOf(REVIEW);
    if (field.kind !== "group") throw new Error(field.kind);
    expect(field.fields.map(([key, { kind, title, required }]) => [key, kind, title, required])).toEqual([
      ["send", "boolean", "Send it", true],
      ["tone", "choice", "Tone", false],
      ["copies", "number", "Copies", false],
      ["note", "text", "Note", false],
      ["extra", "json", "Extra", false],
    ]);
    for (const other of [null, true, undefined, {}, { type: "array" }, { type: ["string", "null"] }, { type: "object" }, { oneOf: [] }, { type: "object", properties: { a: {} }, required: ["b"] }]) {
      expect(fieldOf(other).kind).toBe("json");
    }
  });

  it("[UI-23] gives back every value that was put into it", () => {
    for (let seed = 1; seed <= 500; seed++) {
      const [schema, value] = sample(seeded(seed * 7919));
      const field = fieldOf(schema);
      expect(read(field, draftOf(field, value))).toEqual({ ok: true, value });
    }
  });

  it("[UI-23] begins with what the schema says by default, and leaves out what nobody has said", () => {
    const field = fieldOf(REVIEW);
    expect(draftOf(field)).toEqual({ "/answer/tone": "1" });
    expect(read(field, { ...draftOf(field), "/answer/send": "false" })).toEqual({ ok: true, value: { send: false, tone: "plain" } });
  });

  it("[UI-23] tells at the field what cannot be sent", () => {
    const said = read(fieldOf(REVIEW), { "/answer/copies": "many", "/answer/extra": "[1" });
    expect(said).toMatchObject({ ok: false, problems: { "/answer/send": "Choose yes or no.", "/answer/copies": "This is not a number." } });
  });

  it("[UI-24] puts what the server says to the field that it is about", () => {
    const said = [{ pointer: "/answer/note", message: "too long" }, { pointer: "/answer/extra/3", message: "no text" }, { pointer: "/answer", message: "not this" }, { pointer: "/answer/noted", message: "unknown" }];
    expect(place(fieldOf(REVIEW), said)).toEqual({ "/answer/note": "too long", "/answer/extra": "no text", "": "not this unknown" });
    expect(place(fieldOf({ type: "string" }), said.slice(2, 3))).toEqual({ "/answer": "not this" });
  });
});
