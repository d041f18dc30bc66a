import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, data, once } from "../api/client";
import type { Delivery, Hook, Status } from "../api/types";
import { deliveriesQuery, workflowKeys } from "../api/workflow";
import { Button } from "../ui/button";
import { Countdown } from "../ui/countdown";
import { ErrorBox, Skeleton } from "../ui/states";
import { StatusIcon } from "../ui/status";
import { ago, clock, span } from "../ui/time";
import { useNow } from "../ui/use-now";

const LOOKS: Record<Delivery["status"], Status> = { pending: "RETRYING", delivered: "COMPLETED", failed: "FAILED" };

/** What a hook was sent last, what the other side said to it, and what is still on its way. */
export function Deliveries({ hook }: { hook: Hook }) {
  const deliveries = useQuery(deliveriesQuery(hook.project_id, hook.id));
  return (
    <section aria-label={`Deliveries of ${hook.name}`} className="mt-3 border-t border-line pt-3">
      {deliveries.isPending && <Skeleton rows={2} />}
      {deliveries.isError && <ErrorBox error={deliveries.error} retry={() => void deliveries.refetch()} />}
      {deliveries.data?.items.length === 0 && <p className="text-ink-2">Nothing was sent yet. “Test” sends an event of the type hook.ping.</p>}
      <ul className="divide-y divide-line">
        {deliveries.data?.items.map((delivery) => <Row key={delivery.id} hook={hook} delivery={delivery} />)}
      </ul>
    </section>
  );
}

function Row({ hook, delivery }: { hook: Hook; delivery: Delivery }) {
  const now = useNow(10_000);
  const client = useQueryClient();
  const again = useMutation({
    mutationFn: () => {
      const path = { project_id: hook.project_id, hook_id: hook.id, delivery_id: delivery.id };
      return data(api.POST("/projects/{project_id}/hooks/{hook_id}/deliveries/{delivery_id}/redeliver", { params: { path, header: once() } }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: [...workflowKeys.hooks(hook.project_id), hook.id, "deliveries"] }),
  });
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 py-1.5">
      <StatusIcon status={LOOKS[delivery.status]} size={14} />
      <span className="font-mono text-xs">{delivery.type}</span>
      <time dateTime={delivery.created_at} title={clock(delivery.created_at)} className="text-xs text-ink-3">
        {ago(delivery.created_at, now)}
      </time>
      {delivery.run_id && (
        <Link to="/projects/$project/runs/$run" params={{ project: hook.project_id, run: delivery.run_id }} className="text-xs text-accent hover:underline">
          run {delivery.run_id.slice(-8)}
        </Link>
      )}
      <span className="min-w-0 grow text-xs text-ink-2 [overflow-wrap:anywhere]">
        <Outcome delivery={delivery} />
        {again.error && <span className="block text-failed">{again.error.message}</span>}
      </span>
      {delivery.status !== "pending" && (
        <Button kind="quiet" icon="retry" busy={again.isPending} needs="editor" title="Send it again" aria-label={`Send ${delivery.type} again`} onClick={() => again.mutate()} />
      )}
    </li>
  );
}

function Outcome({ delivery: { answer, attempts, status, next_at } }: { delivery: Delivery }) {
  const said = answer ? (answer.error ?? `${answer.status} in ${span(answer.duration_ms)}`) : "not sent yet";
  return (
    <>
      {said}
      {attempts > 1 && ` · ${attempts} attempts`}
      {status === "pending" && next_at && (
        <>
          {" · again in "}
          <Countdown until={next_at} past="a moment" />
        </>
      )}
    </>
  );
}
