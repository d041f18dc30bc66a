import { describe, expect, it } from "vitest";
import { keepingOf, keptOf, mostOf } from "./keeping";

// UI-81
describe("how long things are kept", () => {
  it("comes back from the form as it was", () => {
    for (const kept of [null, "forever", 0, 0.5, 90] as const) expect(keptOf(keepingOf(kept))).toBe(kept);
  });

  it("is not sent while it is no number of days", () => {
    for (const days of ["", "many", "-1", "40000"]) expect(keptOf({ how: "days", days })).toBeUndefined();
  });

  it("takes whole numbers of runs, or none", () => {
    expect(["", " ", "7", "0", "1.5", "x"].map(mostOf)).toEqual([null, null, 7, undefined, undefined, undefined]);
  });
});
