import { curl } from "../api/client";
import { paths } from "../api/paths";
import type { Json, Run } from "../api/types";
import type { Waiting } from "./waiting";

export interface Command {
  /** What it does. */
  name: string;
  text: string;
}

/** Every request about a run that one could want to repeat in a terminal, as far as the server would take it now. */
export function commands(run: Run, waiting: readonly Waiting[]): Command[] {
  const path = paths.run(run.project_id, run.id);
  const again = { workflow_id: run.workflow_id, version: run.version, input_data: run.input };
  const found: Command[] = [
    { name: "Start it again", text: curl("POST", `${paths.runs(run.project_id)}?execute=true`, again) },
    { name: "Look at it", text: curl("GET", path) },
    { name: "Follow its events", text: curl("GET", paths.events(run.project_id, run.id)) },
  ];
  const act = (name: string, verb: string, body?: Json) => found.push({ name, text: curl("POST", `${path}/${verb}`, body) });
  if (run.status === "PENDING") act("Start it", "execute");
  else act("Fork it", "fork?execute=true", {});
  if (run.finished_at === null) act("Cancel it", "cancel");
  if (run.status === "FAILED" || run.status === "CANCELLED") act("Retry it", "retry", {});
  if (run.status === "RETRYING") act("Go on now", "resume", {});
  const [first] = waiting;
  if (first?.code === "waiting_for_approval") act(`Answer ${first.name}`, "resume", { node_id: first.id, iteration: first.lap.iteration, answer: true });
  if (first?.code === "breakpoint") act("Step on", "resume", { mode: "step" });
  return found;
}
