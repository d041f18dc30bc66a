export type RunStatus =
  | "PENDING"
  | "QUEUED"
  | "RUNNING"
  | "WAITING"
  | "RETRYING"
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED";

export type NodeStatus =
  | "PENDING"
  | "RUNNING"
  | "WAITING"
  | "RETRYING"
  | "COMPLETED"
  | "FAILED"
  | "SKIPPED"
  | "CANCELLED";

export type Status = RunStatus | NodeStatus;
export type EdgeFate = "taken" | "dead" | "broken";
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Project {
  id: string;
  name: string;
  created_at: string;
}

export interface Reason {
  code: string;
  message: string;
  /** Of an approval: what is asked, and the JSON Schema of the answer. */
  prompt?: string;
  schema?: Json;
  /** Of a node that waits for a child run. */
  run_id?: string;
  /** Of a map: how many of its items wait. */
  waiting?: number;
}

/** How far a node has come; `failed` counts items of a map, which are done, too. */
export interface NodeProgress {
  done?: number;
  total?: number;
  failed?: number;
}

export interface Failure {
  type: string;
  message: string;
  stack?: string | null;
  retryable?: boolean;
  node_id?: string | null;
}

export interface Progress {
  total: number;
  completed: number;
  running: number;
  failed: number;
  skipped: number;
  percentage: number;
}

export interface Run {
  id: string;
  project_id: string;
  workflow_id: string;
  workflow_name: string;
  version: number;
  status: RunStatus;
  attempt: number;
  progress: Progress;
  input: Json;
  result: Json;
  error: Failure | null;
  reason: Reason | null;
  metadata: { [key: string]: Json } | null;
  created_at: string;
  queued_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  last_seq: number;
  wake_at: string | null;
  parent_run_id: string | null;
  parent_node_id: string | null;
  parent_iteration: number | null;
  forked_from: string | null;
}

export interface NodeState {
  node_id: string;
  iteration: number;
  path: number[];
  status: NodeStatus;
  attempt: number;
  progress: NodeProgress | null;
  input: Json;
  output: Json;
  error: Failure | null;
  reason: Reason | null;
  edges: Record<string, EdgeFate> | null;
  started_at: string | null;
  finished_at: string | null;
  duration_ms: number | null;
  wake_at: string | null;
}

/** One item of a map; the last number of its path is its index. */
export interface MapItem {
  node_id: string;
  iteration: number;
  path: number[];
  status: NodeStatus;
  attempt: number;
  output: Json;
  error: Failure | null;
  reason: Reason | null;
  started_at: string | null;
  finished_at: string | null;
  duration_ms: number | null;
  wake_at: string | null;
}

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

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  settings?: { max_iterations?: number };
  [key: string]: unknown;
}

export interface Workflow {
  id: string;
  name: string;
  description: string | null;
  active: boolean;
  version: number;
  graph: Graph;
  created_at: string;
  updated_at: string;
}

export interface WorkflowVersion {
  version: number;
  graph: Graph;
  created_at: string;
}

export interface Template {
  id: string;
  name: string;
  description: string;
  /** As it was written: in the form of edges, or in that of dependencies. */
  graph: { nodes?: GraphNode[]; dag?: { nodes: GraphNode[] } };
  /** Where its picture is, an SVG. */
  picture: string;
  input?: Json;
}

export interface RunEvent {
  id: string;
  seq: number;
  type: string;
  at: string;
  project_id: string;
  run_id: string;
  node_id: string | null;
  data: { [key: string]: unknown };
}

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
