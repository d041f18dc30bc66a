import type { NodeProgress } from "../api/types";

const RADIUS = 7.2;
const AROUND = 2 * Math.PI * RADIUS;

/** How many items of a map are done, with those that failed in their own colour. */
export function Ring({ progress: { done = 0, total = 0, failed = 0 }, size }: { progress: NodeProgress; size: number }) {
  const part = (count: number) => (total > 0 ? (count / total) * AROUND : 0);
  const arc = { cx: 9, cy: 9, r: RADIUS, fill: "none", strokeWidth: 2.6 } as const;
  return (
    <svg viewBox="0 0 18 18" width={size} height={size} className="shrink-0 -rotate-90" aria-hidden data-ring>
      <circle {...arc} stroke="var(--st)" strokeOpacity={0.2} />
      <circle {...arc} stroke="var(--st)" strokeDasharray={`${part(done - failed)} ${AROUND}`} />
      <circle {...arc} stroke="var(--st-failed)" strokeDasharray={`${part(failed)} ${AROUND}`} strokeDashoffset={-part(done - failed)} />
    </svg>
  );
}
