/** What the server says of runs, as far as streams and states need it. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type RunStatus = "PENDING" | "QUEUED" | "RUNNING" | "WAITING" | "RETRYING" | "COMPLETED" | "FAILED" | "CANCELLED";
export type NodeStatus = "PENDING" | "RUNNING" | "WAITING" | "RETRYING" | "COMPLETED" | "FAILED" | "SKIPPED" | "CANCELLED";
export type EdgeFate = "taken" | "dead" | "broken";

export interface RunEvent {
  id: string;
  /** Counts the events of a run: 1, 2, 3 … without a gap. */
  seq: number;
  /** `workflow.run.started`, `workflow.node.completed` and the like. */
  type: string;
  at: string;
  project_id: string;
  run_id: string;
  node_id: string | null;
  data: { [key: string]: unknown };
}

/** A run as a snapshot of a project's socket tells it. */
export interface RunHead {
  id: string;
  workflow_id: string;
  status: RunStatus;
  last_seq: number;
  /** Events up to this seq are no longer kept. */
  pruned_seq?: number;
}

/** Why something is not a success. */
export interface Reason {
  code: string;
  message: string;
  prompt?: string;
  schema?: Json;
  run_id?: string;
  since?: string;
  item?: number[];
  waiting?: number;
}

export interface Failure {
  type: string;
  message: string;
  stack?: string | null;
  retryable?: boolean;
  node_id?: string | null;
}

/** How far a node has come; `failed` counts items of a map, which are done, too. */
export interface NodeProgress {
  done?: number;
  total?: number;
  failed?: number;
}

/** One turn of a node as `GET …/nodes` lists it. */
export interface NodeRow {
  node_id: string;
  iteration: number;
  path: number[];
  status: NodeStatus;
  attempt: number;
  progress: { done?: number; total?: number | null; failed?: number } | null;
  output: unknown;
  error: Failure | null;
  reason: Reason | null;
  edges: { [index: string]: EdgeFate } | null;
  started_at: string | null;
  finished_at: string | null;
  duration_ms: number | null;
  wake_at: string | null;
}
