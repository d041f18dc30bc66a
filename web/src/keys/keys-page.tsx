import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client";
import { useMay } from "../api/me";
import type { ApiKey } from "../api/types";
import { Button } from "../ui/button";
import { Confirm } from "../ui/confirm";
import { Icon } from "../ui/icons";
import { PageHead } from "../ui/page-head";
import { Empty, Failed, Skeleton } from "../ui/states";
import { ago, clock } from "../ui/time";
import { useNow } from "../ui/use-now";
import { KeyMaker } from "./key-maker";
import { keysQuery } from "./keys-query";

export function KeysPage() {
  const { project } = useParams({ from: "/projects/$project/keys" });
  const keys = useQuery(keysQuery(project));
  const { me } = useMay();
  const [making, setMaking] = useState(false);
  return (
    <>
      <title>API keys · Graphwright</title>
      <PageHead title="API keys">
        {keys.data && (
          <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
            New key
          </Button>
        )}
      </PageHead>
      {keys.isPending && <Skeleton rows={3} />}
      {keys.isError && !keys.data && <Failed error={keys.error} retry={() => void keys.refetch()} what="the API keys" />}
      {keys.data && me?.open && (
        <p className="flex items-start gap-2.5 border-b border-line bg-waiting-soft/50 px-5 py-3">
          <Icon name="warning" className="mt-0.5 text-waiting" />
          <span>
            This server is open: whoever reaches it may do everything without a key. Start it with <code className="font-mono text-xs">GRAPHWRIGHT_ADMIN_KEY</code> to have keys asked for.
          </span>
        </p>
      )}
      {keys.data?.length === 0 && (
        <Empty icon="key" title="No keys yet">
          A key lets a program, or a person, into this project: to look, to start runs, to change workflows, or to do everything.
        </Empty>
      )}
      {keys.data && keys.data.length > 0 && (
        <ul aria-label="API keys">
          {keys.data.map((key) => (
            <Row key={key.id} apiKey={key} />
          ))}
        </ul>
      )}
      {making && <KeyMaker project={project} onClose={() => setMaking(false)} />}
    </>
  );
}

function Row({ apiKey }: { apiKey: ApiKey }) {
  const now = useNow(30_000);
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => api.DELETE("/projects/{project_id}/keys/{key_id}", { params: { path: { project_id: apiKey.project_id, key_id: apiKey.id } } }),
    onSettled: () => client.invalidateQueries({ queryKey: keysQuery(apiKey.project_id).queryKey }),
  });
  return (
    <li className="flex items-center gap-4 border-b border-line px-5 py-3">
      <Icon name="key" className="text-ink-3" />
      <div className="min-w-0 grow">
        <h2 className="truncate font-medium">{apiKey.name}</h2>
        <p className="text-xs text-ink-3">
          <code className="font-mono">gw_{apiKey.prefix}_…</code> · made{" "}
          <time dateTime={apiKey.created_at} title={clock(apiKey.created_at)}>
            {ago(apiKey.created_at, now)}
          </time>
        </p>
      </div>
      <span className="rounded-md border border-line px-2 py-0.5 text-xs text-ink-2">{apiKey.role}</span>
      <Button kind="quiet" icon="trash" aria-label={`Delete ${apiKey.name}`} title="Delete" onClick={() => setAsking(true)} />
      {asking && (
        <Confirm open onOpenChange={setAsking} title={`Delete the key “${apiKey.name}”?`} action="Delete the key" busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
          <p>Whoever uses it is refused from the next request on.</p>
        </Confirm>
      )}
    </li>
  );
}
