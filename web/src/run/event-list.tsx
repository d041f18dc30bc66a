import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { RunEvent } from "../api/types";
import { Icon } from "../ui/icons";
import { StatusIcon } from "../ui/status";
import { clock, span } from "../ui/time";
import { eventSummary, eventWords, statusOfEvent } from "./event-text";
import { useRunScope, useStore } from "./run-context";

const ROW = 28;

interface Props {
  open: boolean;
  onToggle: () => void;
  chosen: string | null;
  onChoose: (id: string) => void;
  startedAt: string;
}

/** The run's log as it is, one line per event; stays at the end while one looks at the end. */
export function EventList({ open, onToggle, chosen, onChoose, startedAt }: Props) {
  const { store } = useRunScope();
  const head = useStore(store, (known) => known.log.head);
  return (
    <section aria-label="Events" className="shrink-0 border-t border-line bg-surface">
      <button type="button" aria-expanded={open} onClick={onToggle} className="flex w-full items-center gap-2 px-5 py-2 text-left text-xs font-semibold text-ink-2 -outline-offset-2 hover:text-ink">
        <Icon name={open ? "down" : "chevron"} size={12} />
        Events
        <span className="font-normal text-ink-3 tabular-nums">{head.toLocaleString()}</span>
      </button>
      {open && <Rows head={head} chosen={chosen} onChoose={onChoose} startedAt={startedAt} />}
    </section>
  );
}

function Rows({ head, chosen, onChoose, startedAt }: Omit<Props, "open" | "onToggle"> & { head: number }) {
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
    if (atEnd.current && events.length > 0) rows.scrollToIndex(events.length - 1);
  }, [rows, events.length]);
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
      <div ref={box} onScroll={scrolled} className="h-56 overflow-auto border-t border-line">
        <ol className="relative min-w-[34rem]" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => {
            const event = events[item.index]!;
            return (
              <li key={event.seq} className="absolute inset-x-0 top-0" style={{ height: ROW, transform: `translateY(${item.start}px)` }}>
                <Row event={event} startedAt={startedAt} onChoose={onChoose} />
              </li>
            );
          })}
        </ol>
      </div>
    </div>
  );
}

function Row({ event, startedAt, onChoose }: { event: RunEvent; startedAt: string; onChoose: (id: string) => void }) {
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
  if (node === null) return <div className={`${look} bg-sunken`}>{inside}</div>;
  return (
    <button type="button" onClick={() => onChoose(node)} className={`${look} -outline-offset-2 hover:bg-hover`}>
      {inside}
    </button>
  );
}
