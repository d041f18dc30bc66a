import { ENDED, type Status } from "../../api/types";
import { StatusIcon, statusWord } from "../../ui/status";
import { clock, span as words } from "../../ui/time";
import { LOOKS } from "./looks";
import { type Row, type Span, sums } from "./spans";

interface Props {
  row: Row;
  name: string;
  /** Width of the names, in px. */
  label: number;
  chosen: boolean;
  now: number;
  /** Where a time is on the track, in px. */
  place: (at: number) => number;
  onChoose: () => void;
}

/** A turn of a node, as bars on the track. */
export function Bars({ row, name, label, chosen, now, place, onChoose }: Props) {
  const { node, iteration, path, status, made, spans } = row;
  const lap = path.length > 0 ? path.map((turn) => turn + 1).join(".") : iteration > 0 ? String(iteration + 1) : "";
  const last = spans.at(-1);
  const took = spent(row, now);
  const tries = spans.filter(({ kind }) => kind === "running").length;
  return (
    <button
      type="button"
      data-row={row.key}
      aria-current={chosen || undefined}
      onClick={onChoose}
      className={`group flex h-full w-full items-center text-left -outline-offset-2 ${chosen ? "bg-accent-soft" : "hover:bg-hover/70"}`}
    >
      <span
        className={`sticky left-0 z-10 flex h-full shrink-0 items-center gap-2 border-r border-line pr-2 pl-3 sm:pl-5 ${chosen ? "bg-accent-soft" : "bg-surface group-hover:bg-hover"}`}
        style={{ width: label }}
      >
        <StatusIcon status={status} size={13} still />
        <span className={`min-w-0 truncate text-xs ${node === null ? "font-semibold" : "font-medium"}`}>{name}</span>
        <span className="sr-only">, {statusWord(status)},</span>
        {lap !== "" && <span className="ml-auto shrink-0 text-[11px] text-ink-3 tabular-nums">lap {lap}</span>}
      </span>
      <span className="relative h-full grow">
        {spans.map((span, index) => (
          <Bar key={index} span={span} ended={ENDED.has(status) ? status : "RUNNING"} now={now} place={place} />
        ))}
        <span
          className="absolute top-1/2 -translate-y-1/2 pl-1.5 text-[11px] whitespace-nowrap text-ink-3 tabular-nums"
          style={{ left: last ? Math.max(place(last.to ?? now), place(last.from) + 3) : 0 }}
        >
          {made ? "reused" : took}
          {node !== null && tries > 1 && ` · ${tries} attempts`}
        </span>
      </span>
    </button>
  );
}

/** What it spent most of its time with, in words. */
function spent(row: Row, now: number): string {
  const { queued, running, waiting } = sums(row, now);
  if (row.node === null || (running >= queued && running >= waiting)) return words(running);
  return queued > waiting ? `${words(queued)} queued` : `${words(waiting)} waiting`;
}

function Bar({ span, ended, now, place }: { span: Span; ended: Status; now: number; place: (at: number) => number }) {
  const { kind, from, to, attempt, outcome, why } = span;
  const { word, look, status } = LOOKS[kind];
  const left = place(from);
  const length = words((to ?? now) - from);
  const what = kind === "running" && attempt > 1 ? `${word}, attempt ${attempt}` : word;
  return (
    <span
      data-status={kind === "running" ? (outcome ?? ended) : status}
      data-span={kind}
      title={[`${what}: ${length}`, `from ${clock(new Date(from).toISOString())}`, why].filter(Boolean).join("\n")}
      className={`absolute top-1/2 min-w-[3px] -translate-y-1/2 rounded-xs ${look} ${to === null && kind === "running" ? "breathing" : ""}`}
      style={{ left, width: Math.max(0, place(to ?? now) - left) }}
    />
  );
}
