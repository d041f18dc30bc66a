import { describe, expect, it } from "vitest";
import { kindOf, withKind } from "./edge-kinds";

const edge = { source: "a", target: "b", name: "mine", mine: 1 };

describe("edges", () => {
  it("[EDIT-25] say when they are taken, and keep all else when that changes", () => {
    const kinds = [edge, { ...edge, condition: "x > 1" }, { ...edge, condition: " else " }, { ...edge, branch: "yes" }, { ...edge, on: "error" }, { ...edge, on: "error", branch: "yes" }];
    expect(kinds.map(kindOf)).toEqual(["always", "condition", "else", "branch", "error", "several"]);
    for (const one of kinds.slice(0, 5)) {
      for (const kind of ["always", "condition", "else", "branch", "error"] as const) {
        const next = withKind(one, kind, ["yes", "no"]);
        expect(kindOf(next)).toBe(kind);
        expect(next).toMatchObject(edge);
        expect(withKind(next, kind, ["yes"])).toEqual(next);
      }
    }
    expect(withKind(kinds[5]!, "several", [])).toBe(kinds[5]);
    expect(withKind(kinds[5]!, "always", [])).toEqual(edge);
  });
});
