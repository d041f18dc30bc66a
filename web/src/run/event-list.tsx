import { Icon } from "../ui/icons";
import { Later, later } from "../ui/later";
import type { EventRowsProps } from "./event-rows";
import { useRunScope, useStore } from "./run-context";

const EventRows = later(() => import("./event-rows"), "EventRows");

interface Props extends EventRowsProps {
  open: boolean;
  onToggle: () => void;
}

/** The run's log as it is, opened when asked for. */
export function EventList({ open, onToggle, ...rows }: Props) {
  const { store } = useRunScope();
  const head = useStore(store, (known) => known.log.head);
  const pruned = useStore(store, (known) => known.log.pruned);
  return (
    <section aria-label="Events" className="shrink-0 border-t border-line bg-surface">
      <button type="button" aria-expanded={open} onClick={onToggle} className="flex w-full items-center gap-2 px-5 py-2 text-left text-xs font-semibold text-ink-2 -outline-offset-2 hover:text-ink">
        <Icon name={open ? "down" : "chevron"} size={12} />
        Events
        <span className="font-normal text-ink-3 tabular-nums">{head.toLocaleString()}</span>
        {pruned > 0 && <span className="font-normal text-ink-3">{pruned === 1 ? "The first is" : `1 to ${pruned.toLocaleString()} are`} no longer kept</span>}
      </button>
      {open && (
        <Later instead={<div className="h-56" />}>
          <EventRows head={head} pruned={pruned} {...rows} />
        </Later>
      )}
    </section>
  );
}
