import type { Control, Field, Role } from "./fields";

function field(key: string, title: string, hint: string, control: Control, initial: unknown = undefined, role: Role = "literal"): Field {
  return { key, title, hint, required: false, initial, role, control };
}

const TEXT: Control = { kind: "text", long: false };
const LONG: Control = { kind: "text", long: true };
const NUMBER: Control = { kind: "number", integer: false };
const WHOLE: Control = { kind: "number", integer: true };
const ANY: Control = { kind: "any" };
const ONE: Field = field("*", "Value", "", ANY, undefined, "template");

export const LABELS: Field[] = [
  field("name", "Name", "A label for people.", TEXT),
  field("description", "Description", "More words for people.", LONG),
];

export const METADATA = field("metadata", "Metadata", "Anything; it is only kept.", ANY);

const RETRY: Field[] = [
  field("max_attempts", "Attempts", "All of them, the first one counted.", WHOLE, 3),
  field("initial_interval", "First wait", "Seconds before the second attempt.", NUMBER, 1),
  field("backoff", "Backoff", "Each wait is so many times the one before.", NUMBER, 2),
  field("max_interval", "Longest wait", "In seconds.", NUMBER, 60),
  field("jitter", "Jitter", "Wait between half of the time and all of it, by chance.", { kind: "boolean" }, true),
];

/** How a node behaves whatever its type. */
export const BEHAVIOUR: Field[] = [
  field("join", "Join", "Any: one incoming edge was taken, once all are decided. All: every one was. First: as soon as one is.", { kind: "choice", options: ["any", "all", "first"] }, "any"),
  field("on_error", "When it fails", "Continue: it counts as completed, with a null output. An edge “on error” deals with a failure, too.", { kind: "choice", options: ["fail", "continue"] }, "fail"),
  field("retry", "Retry", "Without it the node is tried once.", { kind: "object", fields: RETRY }),
  field("timeout", "Timeout", "Seconds for one attempt.", NUMBER),
  field("queue", "Queue", "The node runs on a worker that serves this queue.", TEXT, "default"),
  field("max_iterations", "Most laps", "Of the loop that this node heads; else what the workflow says.", WHOLE),
];

export const WRITES: Field = field("writes", "State writes", "What the node writes when it has completed; templates may read its output.", { kind: "map", value: ONE, names: "states" });

const KNOWN_OF_NODE = new Set(["id", "type", "config", "position", "writes", "metadata", ...[...LABELS, ...BEHAVIOUR].map(({ key }) => key)]);

/** Fields of a node that no form has; they are kept, and can be changed as JSON. */
export function foreignKeys(node: object): string[] {
  return Object.keys(node).filter((key) => !KNOWN_OF_NODE.has(key));
}

/** Of the runs of a whole workflow. */
export const SETTINGS: Field[] = [
  field("on_failure", "After a failure", "That nobody handles: finish what does not depend on it, or stop everything.", { kind: "choice", options: ["finish_branches", "stop"] }, "finish_branches"),
  field("max_iterations", "Most laps", "Of each loop, unless its header says otherwise.", WHOLE, 100),
  field("timeout", "Timeout", "Seconds for the whole run.", NUMBER),
  field("resume", "Go on by itself", "After a failure that may pass.", {
    kind: "object",
    fields: [{ ...field("after", "After", "Seconds until the run goes on.", NUMBER, 300), required: true }, field("max_attempts", "Attempts", "How often it goes on at most.", WHOLE, 5)],
  }),
];

const STATE_KEY: Field[] = [
  field("reducer", "Writes", "How a write is put to what is there.", { kind: "choice", options: ["replace", "add", "append", "merge"] }, "replace"),
  field("default", "Starts from", "", ANY),
];

export const STATE: Field = field("state", "Shared state", "Keys that nodes write and all behind them read as state.key.", {
  kind: "map",
  value: { ...ONE, role: "literal", control: { kind: "object", fields: STATE_KEY } },
});

export const ENTRY: Field = field("entry", "Entry", "Needed only where every node has an incoming edge.", { kind: "pick", of: "nodes" });

const KNOWN_OF_GRAPH = new Set(["nodes", "edges", "state", "settings", "entry", "name", "description", "metadata"]);

export function foreignToGraph(doc: object): string[] {
  return Object.keys(doc).filter((key) => !KNOWN_OF_GRAPH.has(key));
}

const KNOWN_OF_EDGE = new Set(["source", "target", "condition", "branch", "on", "name", "metadata"]);

export function foreignToEdge(edge: object): string[] {
  return Object.keys(edge).filter((key) => !KNOWN_OF_EDGE.has(key));
}
