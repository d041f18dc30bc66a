import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { itemsQuery } from "../api/queries";
import { ENDED, type MapItem, type NodeStatus } from "../api/types";
import type { Lap } from "../stream/state";
import { Button } from "../ui/button";
import { Countdown } from "../ui/countdown";
import { Select } from "../ui/field";
import { Icon } from "../ui/icons";
import { JsonView } from "../ui/json-view";
import { ErrorBox } from "../ui/states";
import { StatusIcon, statusWord } from "../ui/status";
import { span } from "../ui/time";
import { Callouts } from "./callouts";
import { RunLink } from "./origin";
import { useRunScope } from "./run-context";

const SHOWN: NodeStatus[] = ["COMPLETED", "FAILED", "WAITING", "RETRYING", "CANCELLED"];
const SUMMARY = 120;

/** The items of a map, a page at a time, each with its result when asked for it. */
export function ItemsTable({ node, lap }: { node: string; lap: Lap }) {
  const { project, runId } = useRunScope();
  const [status, setStatus] = useState<NodeStatus | undefined>();
  const [before, setBefore] = useState<string[]>([]);
  const [open, setOpen] = useState<string | null>(null);
  const filter = { node, iteration: lap.iteration, status, cursor: before.at(-1) };
  const page = useQuery(itemsQuery(project, runId, filter, lap.status, String(lap.reason?.waiting)));
  const next = page.data?.next_cursor;
  const items = page.data?.items ?? [];
  const choose = (value: string) => {
    setStatus(SHOWN.find((known) => known === value));
    setBefore([]);
  };
  return (
    <section aria-label="Items">
      <div className="mb-2 flex items-center gap-2">
        <h3 className="grow text-xs font-semibold text-ink-2">Items</h3>
        <Select aria-label="Which items" value={status ?? ""} onChange={(event) => choose(event.target.value)} className="w-32">
          <option value="">All</option>
          {SHOWN.map((known) => (
            <option key={known} value={known}>
              {statusWord(known)}
            </option>
          ))}
        </Select>
      </div>
      {page.isError && <ErrorBox error={page.error} retry={() => void page.refetch()} />}
      <div className="overflow-hidden rounded-lg border border-line">
        <table className="w-full table-fixed text-left text-xs">
          <thead className="bg-sunken text-ink-3">
            <tr>
              <th scope="col" className="w-18 py-1.5 pl-3 font-medium">Item</th>
              <th scope="col" className="w-26 py-1.5 font-medium">Status</th>
              <th scope="col" className="w-9 py-1.5 font-medium">Try</th>
              <th scope="col" className="py-1.5 pr-3 font-medium">Result</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => {
              const id = item.path.join(".");
              return <Rows key={id} item={item} open={open === id} onToggle={() => setOpen(open === id ? null : id)} />;
            })}
          </tbody>
        </table>
        {page.isSuccess && items.length === 0 && <p className="px-3 py-4 text-xs text-ink-2">{status ? "No such items." : "No item has ended yet."}</p>}
      </div>
      {(before.length > 0 || next) && (
        <nav aria-label="Pages of items" className="mt-2 flex items-center justify-between gap-2">
          <Button disabled={before.length === 0} onClick={() => setBefore(before.slice(0, -1))}>
            Previous
          </Button>
          <span className="text-xs text-ink-3 tabular-nums">Page {before.length + 1}</span>
          <Button disabled={!next} onClick={() => next && setBefore([...before, next])}>
            Next
          </Button>
        </nav>
      )}
    </section>
  );
}

function Rows({ item, open, onToggle }: { item: MapItem; open: boolean; onToggle: () => void }) {
  const id = item.path.join(".");
  const result = useMemo(() => summary(item), [item]);
  return (
    <>
      <tr data-item={id} className="border-t border-line hover:bg-hover">
        <th scope="row" className="p-0 font-medium tabular-nums">
          <button type="button" aria-expanded={open} aria-label={`Item ${id}`} onClick={onToggle} className="flex w-full items-center gap-1.5 py-1.5 pl-2.5 -outline-offset-2">
            <Icon name={open ? "down" : "chevron"} size={11} className="text-ink-3" />
            {id}
          </button>
        </th>
        <td className="py-1.5">
          <span className="flex items-center gap-1.5">
            <StatusIcon status={item.status} size={13} still />
            {statusWord(item.status)}
          </span>
        </td>
        <td className="py-1.5 tabular-nums">{item.attempt}</td>
        <td className="cursor-pointer truncate py-1.5 pr-3 text-ink-2" onClick={onToggle}>
          {result}
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={4} className="px-3 pt-1 pb-3 text-[13px]">
            <Whole item={item} />
          </td>
        </tr>
      )}
    </>
  );
}

function Whole({ item }: { item: MapItem }) {
  const { project } = useRunScope();
  return (
    <div className="space-y-2">
      <Callouts error={item.error} reason={item.reason} status={item.status} />
      {item.wake_at && !ENDED.has(item.status) && (
        <p className="text-ink-2">
          Goes on in <Countdown until={item.wake_at} />
        </p>
      )}
      {item.reason?.run_id && (
        <RunLink project={project} run={item.reason.run_id}>
          Open the run
        </RunLink>
      )}
      {item.status === "COMPLETED" && <JsonView value={item.output} label={`Output of item ${item.path.join(".")}`} fileName="output.json" />}
      {item.duration_ms !== null && <p className="text-xs text-ink-3">Took {span(item.duration_ms)}</p>}
    </div>
  );
}

function summary(item: MapItem): string {
  if (item.status === "COMPLETED") return (JSON.stringify(item.output) ?? "null").slice(0, SUMMARY);
  return item.error?.message ?? item.reason?.message ?? "";
}
