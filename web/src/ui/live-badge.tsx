const LOOKS = {
  connecting: { color: "var(--st-pending)", text: "Connecting", pulse: true },
  live: { color: "var(--st-completed)", text: "Live", pulse: false },
  polling: { color: "var(--st-waiting)", text: "Polling", pulse: true },
  resuming: { color: "var(--st-waiting)", text: "Resuming", pulse: true },
  stale: { color: "var(--st-failed)", text: "Stale", pulse: true },
  ended: { color: "var(--st-pending)", text: "Ended", pulse: false },
  refused: { color: "var(--st-failed)", text: "No stream", pulse: false },
} as const;

export type LiveState = keyof typeof LOOKS;

/** How fresh what one sees is. */
export function LiveBadge({ state, title, note }: { state: LiveState; title?: string | undefined; note?: string | undefined }) {
  const { color, text, pulse } = LOOKS[state];
  return (
    <span
      role="status"
      data-connection={state}
      title={title}
      className={`${state === "ended" ? "max-sm:hidden" : ""} inline-flex items-center gap-1.5 rounded-full border border-line px-2.5 py-[3px] text-xs font-medium text-ink-2`}
    >
      <span className={`size-1.5 rounded-full ${pulse ? "breathing" : ""}`} style={{ background: color, boxShadow: `0 0 0 3px color-mix(in srgb, ${color} 18%, transparent)` }} />
      {text}
      {note && <span aria-hidden className="text-ink-3 tabular-nums">{note}</span>}
    </span>
  );
}
