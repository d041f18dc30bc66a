import type { NodeStatus, Reason, RunEvent, RunStatus } from "../api/types";
import { localTimes, span } from "../ui/time";

const STATUS: Record<string, RunStatus | NodeStatus> = {
  created: "PENDING",
  queued: "QUEUED",
  started: "RUNNING",
  resumed: "RUNNING",
  waiting: "WAITING",
  retrying: "RETRYING",
  completed: "COMPLETED",
  failed: "FAILED",
  skipped: "SKIPPED",
  cancelled: "CANCELLED",
};

const LONGEST = 200;

function step(event: RunEvent): string {
  return event.type.slice(event.type.lastIndexOf(".") + 1);
}

export function statusOfEvent(event: RunEvent): RunStatus | NodeStatus | null {
  return STATUS[step(event)] ?? null;
}

export function eventWords(event: RunEvent): string {
  return `${event.type.startsWith("workflow.run.") ? "run" : "node"} ${step(event)}`;
}

/** The one thing worth reading of an event's data. */
export function eventSummary(event: RunEvent): string {
  const { data } = event;
  const parts: string[] = [];
  if (typeof data.iteration === "number" && data.iteration > 0) parts.push(`lap ${data.iteration + 1}`);
  if (typeof data.attempt === "number" && data.attempt > 1) parts.push(`attempt ${data.attempt}`);
  if (typeof data.duration_ms === "number") parts.push(span(data.duration_ms));
  const error = data.error as { message?: string } | null | undefined;
  const reason = data.reason as Reason | null | undefined;
  if (data.reused === true) parts.push("reused");
  if (data.overridden === true) parts.push("overridden");
  if (error?.message) parts.push(error.message);
  else if (reason?.message) parts.push(localTimes(reason.message));
  else if (typeof data.message === "string") parts.push(data.message);
  else if (data.output !== undefined) parts.push(short(data.output));
  else if (data.result !== undefined) parts.push(short(data.result));
  return parts.join(" · ");
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
