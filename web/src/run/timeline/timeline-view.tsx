import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useMemo, useRef, useState } from "react";
import type { Run } from "../../api/types";
import { Button } from "../../ui/button";
import { span } from "../../ui/time";
import { useNow } from "../../ui/use-now";
import { useRunScope } from "../run-context";
import { Bars } from "./bars";
import { Legend } from "./legend";
import { type Row, sums, ticks } from "./spans";
import { useTimeline } from "./use-timeline";

const ROW = 32;
const TICK_WIDTH = 110;
const MOST_ZOOM = 256;
/** Room for the words behind the last bar. */
const TAIL = 116;

interface Props {
  run: Run;
  chosen: string | null;
  lap: number | undefined;
  onChoose: (id: string | null, lap?: number) => void;
}

/** When what happened: a line for the run and one for each turn of a node, on one scale. */
export function TimelineView({ run, chosen, lap, onChoose }: Props) {
  const { rows, pruned, from, to } = useTimeline(run);
  const now = useNow(250, to === null);
  const [width, setWidth] = useState(600);
  const [zoom, setZoom] = useState(1);
  const box = useRef<HTMLDivElement | null>(null);
  const measure = useCallback((element: HTMLDivElement | null) => {
    box.current = element;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12 });
  const label = width < 560 ? 116 : 190;
  const track = Math.max(120, (width - label - TAIL) * zoom);
  const length = Math.max(1, (to ?? now) - from);
  const names = useNames();
  const marks = ticks(length, Math.max(2, track / TICK_WIDTH));
  const place = (at: number) => ((at - from) / length) * track;
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-12 shrink-0 items-center border-b border-line pr-48 pl-5 text-xs leading-4 text-ink-2">
        {pruned ? <p>Attempts and waits of before are no longer kept: what is known is from when to when.</p> : <Total row={rows.find(({ node }) => node === null)} now={now} />}
      </div>
      <div ref={measure} className="min-h-0 grow overflow-auto" onKeyDown={walk} role="presentation">
        <div style={{ width: label + track + TAIL }} className="relative min-w-full">
          <div className="sticky top-0 z-20 h-7 border-b border-line bg-surface text-[11px] text-ink-3 tabular-nums" aria-hidden>
            {marks.map((mark) => (
              <span key={mark} className="absolute top-1.5 border-l border-line-strong pl-1.5 whitespace-nowrap" style={{ left: label + (mark / length) * track }}>
                {mark === 0 ? "0" : span(mark)}
              </span>
            ))}
            <span className="sticky left-0 block h-7 border-r border-line bg-surface" style={{ width: label }} />
          </div>
          <ol aria-label="Timeline" className="relative" style={{ height: virtual.getTotalSize() }}>
            {marks.map((mark) => (
              <span key={mark} aria-hidden className="absolute inset-y-0 border-l border-line/70" style={{ left: label + (mark / length) * track }} />
            ))}
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index]!;
              const name = row.node === null ? "Run" : (names.get(row.node) ?? row.node);
              const here = row.node === chosen && (lap === undefined || row.node === null || lap === row.iteration);
              return (
                <li key={row.key} className="absolute inset-x-0" style={{ height: ROW, top: item.start }}>
                  <Bars row={row} name={name} label={label} chosen={here} now={now} place={place} onChoose={() => onChoose(row.node, row.iteration > 0 ? row.iteration : undefined)} />
                </li>
              );
            })}
          </ol>
        </div>
      </div>
      <div className="flex shrink-0 items-center gap-3 border-t border-line py-1 pr-3 pl-5 text-xs text-ink-2">
        <Legend />
        <span className="ml-auto flex">
          <Button kind="quiet" icon="minus" aria-label="Zoom out of the timeline" title="Zoom out" disabled={zoom === 1} onClick={() => setZoom(zoom / 2)} />
          <Button kind="quiet" icon="plus" aria-label="Zoom into the timeline" title="Zoom in" disabled={zoom >= MOST_ZOOM} onClick={() => setZoom(zoom * 2)} />
        </span>
      </div>
    </div>
  );
}

function useNames(): ReadonlyMap<string, string> {
  const { graph } = useRunScope();
  return useMemo(() => new Map(graph.nodes.map(({ id, name }) => [id, name || id])), [graph]);
}

/** What the run as a whole spent its time with. */
function Total({ row, now }: { row: Row | undefined; now: number }) {
  if (!row) return null;
  const { queued, running, waiting, retrying } = sums(row, now);
  const parts: [string, number][] = [["in the queue", queued], ["at work", running], ["waiting", waiting], ["before going on by itself", retrying]];
  return (
    <p data-total className="tabular-nums">
      {parts.filter(([name, ms]) => ms > 0 || name === "in the queue").map(([name, ms]) => `${span(ms)} ${name}`).join(" · ")}
    </p>
  );
}

function walk(event: KeyboardEvent<HTMLDivElement>): void {
  const step = event.key === "ArrowDown" || event.key === "j" ? 1 : event.key === "ArrowUp" || event.key === "k" ? -1 : 0;
  if (step === 0 || event.metaKey || event.ctrlKey || event.altKey) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLButtonElement>("button[data-row]")].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
  const next = rows[rows.findIndex((row) => row === document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
