import type { Json } from "../stream/protocol";
import type { components } from "./schema";

export type { Json, NodeProgress } from "../stream/protocol";

type Schemas = components["schemas"];

/** A described type with what the description leaves open: values are JSON, and a graph is a graph document. */
export type Told<T> = unknown extends T
  ? Json
  : T extends readonly (infer Item)[]
    ? Told<Item>[]
    : T extends object
      ? { [K in keyof T]: K extends "graph" ? (T[K] extends { [key: string]: unknown } ? Graph : Told<T[K]>) : Told<T[K]> }
      : T;

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type RunStatus = Schemas["RunStatus"];
export type NodeStatus = Schemas["NodeStatus"];
export type Status = RunStatus | NodeStatus;
export type EdgeFate = Schemas["NodeStateOut"]["edges"][string];

export type Project = Schemas["ProjectOut"];
export type ApiKey = Schemas["KeyOut"];
export type Role = ApiKey["role"];

export type Reason = Told<Schemas["ReasonOut"]>;
export type Failure = Schemas["FailureOut"];
export type Progress = Schemas["ProgressOut"];
export type TriggeredBy = Schemas["TriggeredBy"];
/** A run in a list, which is without its input and its result. */
export type RunSummary = Told<Schemas["RunSummary"]>;
export type Run = Told<Schemas["RunOut"]>;
export type RunEvent = Schemas["EventOut"];
export type NodeState = Told<Schemas["NodeStateOut"]>;
/** One item of a map; the last number of its path is its index. */
export type MapItem = Told<Schemas["ItemOut"]>;
/** A file that a turn of a node has saved. */
export type Artifact = Schemas["ArtifactOut"];
/** What a retry would do with each node. */
export type Restart = Told<Schemas["RestartOut"]>;
export type RestartStep = Told<Schemas["StepOut"]>;

export interface GraphNode {
  id: string;
  type: string;
  name?: string | null;
  config?: { [key: string]: Json };
  join?: "any" | "all" | "first";
  on_error?: "fail" | "continue";
  [key: string]: unknown;
}

export interface GraphEdge {
  source: string;
  target: string;
  condition?: string | null;
  branch?: string | null;
  on?: string | null;
}

/** The graph document in its normal form; `GET /schema/graph.json` has all of its fields. */
export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  settings?: { max_iterations?: number };
  [key: string]: unknown;
}

export type Workflow = Told<Schemas["WorkflowOut"]>;
export type WorkflowVersion = Told<Schemas["VersionOut"]>;
export type VersionSummary = Schemas["VersionSummary"];
export type VersionDiff = Told<Schemas["DiffOut"]>;
export type FieldChange = Told<Schemas["FieldChange"]>;
export type Validation = Schemas["ValidationOut"];
export type Problem = Schemas["ProblemOut"];
export type Plan = Schemas["PlanOut"];

/** Its graph is as it was written: in the form of edges, or in that of dependencies. */
export type Template = Omit<Told<Schemas["TemplateOut"]>, "graph"> & {
  graph: { nodes?: GraphNode[]; dag?: { nodes: GraphNode[] } };
};

export type NodeType = Told<Schemas["NodeTypeOut"]>;
export type Tool = Told<Schemas["ToolOut"]>;

export type Schedule = Told<Schemas["ScheduleOut"]>;
export type Firing = Told<Schemas["FiringOut"]>;
export type Trigger = Told<Schemas["TriggerOut"]>;
export type Hook = Told<Schemas["HookOut"]>;
export type Delivery = Told<Schemas["DeliveryOut"]>;
export type DeliveryWithBody = Told<Schemas["DeliveryWithBody"]>;

export type Worker = Schemas["WorkerOut"];
export type Queue = Schemas["QueueOut"];
export type Stats = Schemas["Stats"];

export const ENDED: ReadonlySet<Status> = new Set<Status>(["COMPLETED", "FAILED", "CANCELLED", "SKIPPED"]);
export const RUN_STATUSES: readonly RunStatus[] = [
  "PENDING",
  "QUEUED",
  "RUNNING",
  "WAITING",
  "RETRYING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
];
