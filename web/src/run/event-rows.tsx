import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { RunEvent } from "../api/types";
import { StatusIcon } from "../ui/status";
import { clock, span } from "../ui/time";
import { eventSummary, eventWords, statusOfEvent } from "./event-text";
import { EventDetail, placeOf } from "./inspect/event-detail";
import { useRunScope } from "./run-context";
import type { RunSearch } from "./search";

const ROW = 28;

type Place = Pick<RunSearch, "node" | "iteration" | "event">;

export interface EventRowsProps {
  /** The node that is looked at. */
  chosen: string | null;
  /** The seq of the event that is looked at. */
  picked: number | undefined;
  onPick: (place: Place) => void;
  startedAt: string;
}

interface Props extends EventRowsProps {
  head: number;
  pruned: number;
}

/** One line per event; stays at the end while one looks at the end. */
export function EventRows({ head, pruned, chosen, picked, onPick, startedAt }: Props) {
  const { store } = useRunScope();
  const [onlyChosen, setOnlyChosen] = useState(false);
  const narrow = onlyChosen && chosen !== null;
  // The log is one growing array; its head says when it has grown.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const events = useMemo(() => (narrow ? store.log.events.filter((event) => event.node_id === chosen) : store.log.events), [store, head, narrow, chosen]);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const rows = useVirtualizer({ count: events.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 10 });
  useEffect(() => {
    if (atEnd.current && picked === undefined && events.length > 0) rows.scrollToIndex(events.length - 1);
  }, [rows, events.length, picked]);
  const place = picked === undefined ? -1 : events.findIndex(({ seq }) => seq === picked);
  useEffect(() => {
    if (place >= 0) rows.scrollToIndex(place, { align: "auto" });
  }, [rows, place]);
  // The log has no gaps behind what was pruned.
  const whole = picked === undefined ? undefined : store.log.events[picked - 1 - pruned];
  const scrolled = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current!;
    atEnd.current = scrollTop + clientHeight >= scrollHeight - ROW;
  };
  return (
    <div>
      {chosen !== null && (
        <label className="flex items-center gap-2 px-5 pb-1.5 text-xs text-ink-2">
          <input type="checkbox" checked={onlyChosen} onChange={(event) => setOnlyChosen(event.target.checked)} className="accent-(--accent)" />
          Only of <span className="font-medium">{chosen}</span>
        </label>
      )}
      <div className="flex flex-col border-t border-line md:flex-row">
        <div ref={box} onScroll={scrolled} className="h-56 min-w-0 grow overflow-auto">
          <ol className="relative min-w-[34rem]" style={{ height: rows.getTotalSize() }}>
            {rows.getVirtualItems().map((item) => {
              const event = events[item.index]!;
              return (
                <li key={event.seq} className="absolute inset-x-0 top-0" style={{ height: ROW, transform: `translateY(${item.start}px)` }}>
                  <Row event={event} picked={event.seq === picked} startedAt={startedAt} onPick={onPick} />
                </li>
              );
            })}
          </ol>
        </div>
        {picked !== undefined && <EventDetail seq={picked} event={whole} pruned={pruned} onClose={() => onPick(withoutEvent(picked, whole))} />}
      </div>
    </div>
  );
}

/** The same place when the event is closed: what it is about stays open. */
function withoutEvent(seq: number, event: RunEvent | undefined): Place {
  const { node, iteration } = { node: undefined, iteration: undefined, ...placeOf(seq, event) };
  return { ...(node === undefined ? {} : { node }), ...(iteration === undefined ? {} : { iteration }) };
}

function Row({ event, picked, startedAt, onPick }: { event: RunEvent; picked: boolean; startedAt: string; onPick: (place: Place) => void }) {
  const status = statusOfEvent(event);
  const node = event.node_id;
  const inside = (
    <>
      <span className="w-10 shrink-0 text-right text-ink-3">{event.seq}</span>
      <time dateTime={event.at} title={clock(event.at)} className="w-22 shrink-0 text-right whitespace-nowrap text-ink-3">
        +{span(Date.parse(event.at) - Date.parse(startedAt))}
      </time>
      <span className="w-3.5 shrink-0">{status && <StatusIcon status={status} size={13} still />}</span>
      <span className="w-28 shrink-0 truncate font-sans text-ink-2">{eventWords(event)}</span>
      <span className="w-36 shrink-0 truncate font-sans font-medium text-ink">{node ?? ""}</span>
      <span className="min-w-0 truncate text-ink-2">{eventSummary(event)}</span>
    </>
  );
  const look = "flex h-full w-full items-center gap-3 px-4 text-left font-mono text-[11px] tabular-nums";
  const ground = picked ? "bg-accent-soft" : node === null ? "bg-sunken hover:bg-hover" : "hover:bg-hover";
  return (
    <button type="button" aria-current={picked || undefined} onClick={() => onPick(placeOf(event.seq, event))} className={`${look} -outline-offset-2 ${ground}`}>
      {inside}
    </button>
  );
}
