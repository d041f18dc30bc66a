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
}

export interface NodeState {
  node_id: string;
  iteration: number;
  path: number[];
  status: NodeStatus;
  attempt: number;
  progress: { done?: number; total?: number } | null;
  input: Json;
  output: Json;
  error: Failure | null;
  reason: Reason | null;
  edges: Record<string, EdgeFate> | null;
  started_at: string | null;
  finished_at: string | null;
  duration_ms: number | null;
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
