import { useQuery } from "@tanstack/react-query";
import { itemsQuery } from "../api/queries";
import { ENDED, type MapItem, type NodeProgress } from "../api/types";
import type { Lap } from "../stream/state";
import { Icon } from "../ui/icons";
import { Approval } from "./approval";
import { ItemsTable } from "./items-table";
import { useRunScope } from "./run-context";
import { Section } from "./run-panel";

/** How far a map has come, who of its items waits for people, and where each item stands. */
export function MapSection({ node, lap }: { node: string; lap: Lap }) {
  return (
    <>
      {lap.progress?.total !== undefined && <MapProgress progress={lap.progress} />}
      <WaitingItems node={node} lap={lap} />
      <ItemsTable key={lap.iteration} node={node} lap={lap} />
    </>
  );
}

function MapProgress({ progress: { done = 0, total = 0, failed = 0 } }: { progress: NodeProgress }) {
  const share = (count: number) => `${total > 0 ? (count / total) * 100 : 0}%`;
  return (
    <div data-map-progress>
      <span
        role="progressbar"
        aria-label="Items done"
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
        className="flex h-1.5 overflow-hidden rounded-full bg-hover"
      >
        <span style={{ width: share(done - failed), background: "var(--st-completed)", transition: "width .25s" }} />
        <span style={{ width: share(failed), background: "var(--st-failed)", transition: "width .25s" }} />
      </span>
      <p className="mt-1.5 text-xs text-ink-2 tabular-nums">
        {done.toLocaleString()} of {total.toLocaleString()} items done
        {failed > 0 && <span className="text-failed"> · {failed.toLocaleString()} failed</span>}
      </p>
    </div>
  );
}

/** The items that ask people something, each with its form; the first page of them, as answered ones make room. */
function WaitingItems({ node, lap }: { node: string; lap: Lap }) {
  const { project, runId } = useRunScope();
  const live = !ENDED.has(lap.status);
  const filter = { node, iteration: lap.iteration, status: "WAITING" } as const;
  const page = useQuery({ ...itemsQuery(project, runId, filter, lap.status, String(lap.reason?.waiting)), enabled: live });
  const asking = live ? (page.data?.items ?? []).filter((item) => item.reason?.code === "waiting_for_approval") : [];
  if (asking.length === 0) return null;
  return (
    <Section title="Waiting for answers" aside={<span className="text-xs text-ink-3 tabular-nums">{asking.length}{page.data?.next_cursor && "+"}</span>}>
      <ul className="space-y-2">
        {asking.map((item) => (
          <Asking key={`${item.path.join(".")}/${item.attempt}`} item={item} alone={asking.length === 1} />
        ))}
      </ul>
    </Section>
  );
}

function Asking({ item, alone }: { item: MapItem; alone: boolean }) {
  const { node_id: node, iteration, path, reason, wake_at: wakeAt } = item;
  if (!reason) return null;
  return (
    <li data-status="WAITING" className="overflow-hidden rounded-xl border border-(--st)/35 bg-(--st-soft)/45">
      <details open={alone || undefined} className="group">
        <summary className="flex cursor-pointer items-center gap-2 px-3.5 py-2.5 -outline-offset-2">
          <span className="shrink-0 font-semibold tabular-nums">Item {path.join(".")}</span>
          <span className="min-w-0 truncate text-ink-2 group-open:invisible">{reason.prompt}</span>
          <Icon name="chevron" size={11} className="ml-auto text-ink-3 group-open:rotate-90" />
        </summary>
        <div className="border-t border-(--st)/20 px-3.5 py-3">
          <Approval node={node} iteration={iteration} item={path} reason={reason} wakeAt={wakeAt} />
        </div>
      </details>
    </li>
  );
}
