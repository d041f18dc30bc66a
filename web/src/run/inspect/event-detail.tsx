import type { RunEvent } from "../../api/types";
import { Button } from "../../ui/button";
import { CopyButton } from "../../ui/copy-button";
import { JsonView } from "../../ui/json-view";
import { clock } from "../../ui/time";
import { eventWords } from "../event-text";
import { linkHere } from "../search";

interface Props {
  seq: number;
  /** Undefined where it has not come, or is no longer kept. */
  event: RunEvent | undefined;
  pruned: number;
  onClose: () => void;
}

/** One event, whole. */
export function EventDetail({ seq, event, pruned, onClose }: Props) {
  return (
    <section aria-label={`Event ${seq}`} data-event={seq} className="max-h-56 min-w-0 overflow-y-auto border-t border-line px-4 py-2 md:w-80 md:shrink-0 md:border-l">
      <header className="flex items-center gap-1">
        <h3 className="min-w-0 grow truncate text-xs font-semibold">
          {seq} · {event ? eventWords(event) : "event"}
        </h3>
        <CopyButton label="Copy a link to this event" text={() => linkHere(placeOf(seq, event))} />
        <Button kind="quiet" icon="close" aria-label="Close the event" onClick={onClose} />
      </header>
      {event ? (
        <>
          <p className="mb-1.5 text-xs text-ink-2">{clock(event.at)}</p>
          <JsonView value={event.data} label={`Data of event ${seq}`} fileName={`event-${seq}.json`} />
        </>
      ) : (
        <p className="text-xs text-ink-2">{seq <= pruned ? "This event is no longer kept." : "This event has not come yet."}</p>
      )}
    </section>
  );
}

/** Where on the page an event belongs. */
export function placeOf(seq: number, event: RunEvent | undefined) {
  const node = event?.node_id;
  const iteration = event?.data.iteration;
  return { ...(node ? { node } : {}), ...(node && typeof iteration === "number" && iteration > 0 ? { iteration } : {}), event: seq };
}
