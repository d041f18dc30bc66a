import type { ReactNode } from "react";
import type { Status } from "../api/types";

const WORDS: Record<Status, string> = {
  PENDING: "Pending",
  QUEUED: "Queued",
  RUNNING: "Running",
  WAITING: "Waiting",
  RETRYING: "Retrying",
  COMPLETED: "Completed",
  FAILED: "Failed",
  SKIPPED: "Skipped",
  CANCELLED: "Cancelled",
};

export function statusWord(status: Status): string {
  return WORDS[status];
}

const line = { fill: "none", stroke: "currentColor", strokeWidth: 1.8, strokeLinecap: "round", strokeLinejoin: "round" } as const;
const onFill = { ...line, stroke: "var(--surface)" } as const;

/** Each status has a shape of its own, so that colour is never the only sign. */
const SHAPES: Record<Status, ReactNode> = {
  PENDING: <circle cx="8" cy="8" r="5.6" {...line} strokeDasharray="2.2 2.9" strokeWidth={1.6} />,
  QUEUED: (
    <>
      <circle cx="8" cy="8" r="5.8" {...line} strokeWidth={1.5} />
      <path d="M8 4.9V8l2.1 1.4" {...line} strokeWidth={1.5} />
    </>
  ),
  RUNNING: (
    <g className="turning">
      <circle cx="8" cy="8" r="5.8" {...line} strokeOpacity={0.25} strokeWidth={2.2} />
      <path d="M8 2.2a5.8 5.8 0 0 1 5.8 5.8" {...line} strokeWidth={2.2} />
    </g>
  ),
  WAITING: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="M6.3 5.6v4.8M9.7 5.6v4.8" {...onFill} />
    </>
  ),
  RETRYING: (
    <>
      <path d="M13.2 8.6A5.3 5.3 0 1 1 12 4.5" {...line} />
      <path d="M12.6 1.9v3.1H9.5" {...line} />
    </>
  ),
  COMPLETED: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="M5 8.2l2.1 2.1L11.1 6" {...onFill} />
    </>
  ),
  FAILED: (
    <>
      <path d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z" fill="currentColor" />
      <path d="M5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2" {...onFill} />
    </>
  ),
  SKIPPED: (
    <>
      <path d="M3 4.4L8 8l-5 3.6zM8.2 4.4L13.2 8l-5 3.6z" fill="currentColor" stroke="none" />
    </>
  ),
  CANCELLED: (
    <>
      <circle cx="8" cy="8" r="5.9" {...line} />
      <path d="M4 12L12 4" {...line} />
    </>
  ),
};

export function StatusIcon({ status, size = 16, still = false }: { status: Status; size?: number; still?: boolean }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} data-status={status} style={{ color: "var(--st)" }} className={`shrink-0 ${still ? "still" : ""}`} aria-hidden>
      {SHAPES[status]}
    </svg>
  );
}

export function StatusBadge({ status, note }: { status: Status; note?: string | undefined }) {
  return (
    <span
      data-status={status}
      className="inline-flex items-center gap-1.5 rounded-full py-[3px] pr-2.5 pl-[7px] text-xs font-medium whitespace-nowrap"
      style={{ background: "var(--st-soft)", color: "var(--st)" }}
    >
      <StatusIcon status={status} size={13} />
      {WORDS[status]}
      {note && <span>· {note}</span>}
    </span>
  );
}
