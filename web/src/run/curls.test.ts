import { afterEach, describe, expect, it, vi } from "vitest";
import type { Run } from "../api/types";
import { commands } from "./curls";
import type { Waiting } from "./waiting";

const RUN = { id: "r", project_id: "p", workflow_id: "w", version: 2, input: { name: "O'Hara" }, status: "WAITING", finished_at: null } as unknown as Run;
const ASKS = [{ id: "ask", name: "Ask", code: "waiting_for_approval", lap: { iteration: 1 } }] as unknown as Waiting[];

afterEach(() => vi.unstubAllGlobals());

describe("what can be repeated in a terminal", () => {
  it("[UI-64] is each request that the server would take now, with its body as one would type it", () => {
    vi.stubGlobal("location", { origin: "http://here" });
    vi.stubGlobal("localStorage", { getItem: () => "secret" });
    const names = (run: Run, waiting: Waiting[] = []) => commands(run, waiting).map(({ name }) => name);
    expect(names(RUN, ASKS)).toEqual(["Start it again", "Look at it", "Follow its events", "Fork it", "Cancel it", "Answer Ask"]);
    expect(names({ ...RUN, status: "FAILED", finished_at: "2026-01-01T00:00:00Z" })).toEqual(["Start it again", "Look at it", "Follow its events", "Fork it", "Retry it"]);
    const again = commands(RUN, ASKS)[0]!.text;
    expect(again).toContain("curl -X POST 'http://here/api/v1/projects/p/workflows/runs?execute=true'");
    expect(again).toContain(`"O'\\''Hara"`);
    expect(again).not.toContain("secret");
  });
});
