import { describe, expect, it } from "vitest";
import type { Run } from "../../api/types";
import { forkBody } from "./fork";

const RUN = { input: { n: 1 } } as unknown as Run;

describe("what a fork asks for", () => {
  it("[UI-61] leaves out what is as it was, and says what is wrong at its field", () => {
    expect(forkBody(RUN, {}, '{ "n": 1 }', "").body).toEqual({});
    expect(forkBody(RUN, { from: "a", version: 2 }, '{"n": 2}', '{"b": 3}').body).toEqual({ from_node: "a", version: 2, input_data: { n: 2 }, outputs: { b: 3 } });
    expect(forkBody(RUN, {}, "", "").body).toEqual({ input_data: null });
    expect(forkBody(RUN, {}, "{", "[1]")).toMatchObject({ body: null, problems: { outputs: "This has to be an object: the ids of nodes, each with its output." } });
    expect(forkBody(RUN, {}, "{", "").problems.input).toMatch(/Not JSON/);
  });
});
