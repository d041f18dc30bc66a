import type { Failure, Reason, Status } from "../api/types";
import { CopyButton } from "../ui/copy-button";
import { StatusIcon } from "../ui/status";
import { localTimes } from "../ui/time";

function FailureBox({ error }: { error: Failure }) {
  return (
    <div className="overflow-hidden rounded-xl border border-failed/30">
      <div className="flex items-start gap-2.5 bg-failed-soft py-3 pr-2 pl-3.5">
        <span className="mt-0.5">
          <StatusIcon status="FAILED" />
        </span>
        <div className="min-w-0 grow">
          <p className="font-mono text-xs font-semibold text-failed">{error.type}</p>
          <p className="mt-0.5 [overflow-wrap:anywhere] whitespace-pre-wrap">{error.message}</p>
          {error.retryable !== undefined && <p className="mt-1 text-xs text-ink-2">{error.retryable ? "Worth another attempt" : "Another attempt would fail the same way"}</p>}
        </div>
        <CopyButton label="Copy the error" text={() => [`${error.type}: ${error.message}`, error.stack ?? ""].join("\n").trim()} />
      </div>
      {error.stack && (
        <details className="border-t border-failed/20">
          <summary className="cursor-pointer px-3.5 py-2 text-xs font-medium text-ink-2 hover:text-ink">Stack</summary>
          <pre className="max-h-80 overflow-auto bg-sunken px-3.5 py-2.5 font-mono text-[11px] leading-relaxed">{error.stack}</pre>
        </details>
      )}
    </div>
  );
}

/** What went wrong and why it ended so, each said once. */
export function Callouts({ error, reason, status }: { error: Failure | null; reason: Reason | null; status: Status }) {
  const repeated = error !== null && reason !== null && reason.message.includes(error.message);
  return (
    <>
      {error && <FailureBox error={error} />}
      {reason && !repeated && <ReasonBox reason={reason} status={status} />}
    </>
  );
}

function ReasonBox({ reason, status }: { reason: Reason; status: Status }) {
  return (
    <div data-status={status} className="flex items-start gap-2.5 rounded-xl px-3.5 py-3" style={{ background: "var(--st-soft)" }}>
      <span className="mt-0.5">
        <StatusIcon status={status} />
      </span>
      <div className="min-w-0">
        <p className="[overflow-wrap:anywhere]">{localTimes(reason.message)}</p>
        <p className="mt-0.5 font-mono text-[11px] text-ink-2">{reason.code}</p>
      </div>
    </div>
  );
}
