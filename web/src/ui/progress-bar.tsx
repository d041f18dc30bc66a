import type { Progress } from "../api/types";

const PARTS = [
  { name: "completed", color: "var(--st-completed)" },
  { name: "failed", color: "var(--st-failed)" },
  { name: "skipped", color: "var(--line-strong)" },
  { name: "running", color: "var(--st-running)" },
] as const;

/** What has become of the nodes, in counts: nothing is guessed, so nothing ever runs backwards. */
export function ProgressBar({ progress, live, tall = false }: { progress: Progress; live: boolean; tall?: boolean }) {
  const { total } = progress;
  const done = progress.completed + progress.failed + progress.skipped;
  return (
    <span
      role="progressbar"
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={done}
      aria-label={`${done} of ${total} nodes`}
      className={`flex w-full gap-px overflow-hidden rounded-full bg-hover ${tall ? "h-1.5" : "h-[5px]"}`}
    >
      {PARTS.map(({ name, color }) => {
        const share = total > 0 ? (progress[name] / total) * 100 : 0;
        if (share === 0) return null;
        return <span key={name} className={name === "running" && live ? "breathing" : ""} style={{ width: `${share}%`, background: color, transition: "width .25s" }} />;
      })}
    </span>
  );
}
