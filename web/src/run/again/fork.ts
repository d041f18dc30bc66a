import type { Json, Run } from "../../api/types";
import { parseInput } from "../../runs/example-input";
import type { Choice } from "./choice";

export type ForkBody = { from_node?: string; version?: number; input_data?: Json; outputs?: { [node: string]: Json } };

export interface MadeFork {
  /** Null while something is wrong. */
  body: ForkBody | null;
  problems: { input?: string; outputs?: string };
}

/** What to ask the server for; what is as it was is left out. */
export function forkBody(run: Run, { from, version }: Choice, input: string, outputs: string): MadeFork {
  const problems: MadeFork["problems"] = {};
  const given = input.trim() === "" ? ({ ok: true, value: null } as const) : parseInput(input);
  const told = parseInput(outputs);
  if (!given.ok) problems.input = given.message;
  if (!told.ok) problems.outputs = told.message;
  else if (!isObject(told.value)) problems.outputs = "This has to be an object: the ids of nodes, each with its output.";
  if (!given.ok || !told.ok || !isObject(told.value)) return { body: null, problems };
  const same = JSON.stringify(given.value) === JSON.stringify(run.input);
  return {
    body: {
      ...(from === undefined ? {} : { from_node: from }),
      ...(version === undefined ? {} : { version }),
      ...(same ? {} : { input_data: given.value }),
      ...(Object.keys(told.value).length > 0 ? { outputs: told.value } : {}),
    },
    problems,
  };
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
