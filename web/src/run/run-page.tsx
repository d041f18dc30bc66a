import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";
import type { Graph, Run } from "../api/types";
import { warmUp } from "../graph/engine";
import { focusNode } from "../graph/focus";
import type { Connection, RunStore } from "../stream/run-store";
import { Later, later } from "../ui/later";
import { ErrorBox, Skeleton } from "../ui/states";
import { useWide } from "../ui/use-wide";
import type { Choice } from "./again/choice";
import { ForkDialog, RetryDialog } from "./again/dialogs";
import { EventList } from "./event-list";
import { GraphView } from "./graph-view";
import { NodePanel } from "./node-panel";
import { RunContext, useStore } from "./run-context";
import { RunHead } from "./run-head";
import { RunPanel } from "./run-panel";
import { atNode, type RunSearch, withoutAsk, withView } from "./search";
import { ViewSwitch } from "./view-switch";
import { FOR_PEOPLE, waitingNodes } from "./waiting";
import { runNow, useRun } from "./use-run";

const TimelineView = later(() => import("./timeline/timeline-view"), "TimelineView");

const ROUTE = "/projects/$project/runs/$run";

export function RunPage() {
  const { project, run: runId } = useParams({ from: ROUTE });
  useEffect(warmUp, []);
  return <LoadedRun key={`${project}/${runId}`} project={project} runId={runId} />;
}

function LoadedRun({ project, runId }: { project: string; runId: string }) {
  const { run, graph, store, connection } = useRun(project, runId);
  const failed = run.error ?? graph.error;
  if (failed && !(run.data && graph.data)) {
    return (
      <div className="p-5">
        <ErrorBox error={failed} retry={() => void (run.error ? run.refetch() : graph.refetch())} />
      </div>
    );
  }
  if (!run.data || !graph.data) return <Skeleton rows={7} />;
  return <OpenRun project={project} run={run.data} graph={graph.data.graph} store={store} connection={connection} />;
}

interface Props {
  project: string;
  run: Run;
  graph: Graph;
  store: RunStore;
  connection: Connection;
}

function OpenRun({ project, run: row, graph, store, connection }: Props) {
  const search = useSearch({ from: ROUTE });
  const { node, iteration, event } = search;
  const navigate = useNavigate({ from: ROUTE });
  const wide = useWide();
  const [following, setFollowing] = useState(node === undefined && event === undefined);
  const [logOpen, setLogOpen] = useState(event !== undefined);
  const state = useStore(store, (known) => known.state);
  const run = runNow(row, state);
  const focus = useFollowed(following, store, graph, row.last_seq);
  const chosen = node ?? (following ? focus : null);

  const choose = useCallback(
    (id: string | null, lap?: number) => {
      if (id === null) setFollowing(false);
      // The panel stays as it is until the address names its node.
      const place = (before: RunSearch) => atNode(before, id, lap === undefined ? {} : { iteration: lap });
      void navigate({ search: place, replace: true }).then(() => setFollowing(false));
    },
    [navigate],
  );
  const follow = () => {
    setFollowing(true);
    void navigate({ search: (before) => atNode(before, null), replace: true });
  };
  const ask = useCallback(
    (what: "retry" | "fork", choice: Choice = {}) => void navigate({ search: (before) => ({ ...withoutAsk(before), ask: what, ...defined(choice) }), replace: true }),
    [navigate],
  );
  const scope = useMemo(() => ({ project, runId: row.id, store, graph, ask }), [project, row.id, store, graph, ask]);
  const pick = (place: Pick<RunSearch, "node" | "iteration" | "event">) => {
    setFollowing(false);
    void navigate({ search: ({ view }) => ({ ...(view ? { view } : {}), ...place }), replace: true });
  };
  const look = (view: "graph" | "timeline") =>
    void navigate({ search: (before) => withView(before, view), replace: true });
  const leave = () => void navigate({ search: withoutAsk, replace: true });
  // Who has begun to fill something in is not taken elsewhere by what happens in the run.
  const stay = () => {
    if (node === undefined && chosen !== null) choose(chosen);
  };
  const asked = useAsked(graph, store, chosen) && !wide;
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("[role=dialog]")) choose(null);
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [choose]);

  const panel = (
    <aside key="panel" onInput={stay} aria-label={chosen === null ? "Run" : "Node"} className="shrink-0 border-line max-md:border-t max-md:first:border-t-0 max-md:first:border-b md:w-[25rem] md:overflow-y-auto md:border-l">
      {chosen === null ? (
        <RunPanel run={run} />
      ) : (
        <NodePanel key={chosen} run={run} id={chosen} iteration={node === undefined ? undefined : iteration} attempt={search.attempt} onLap={(lap) => choose(chosen, lap)} onClose={() => choose(null)} />
      )}
    </aside>
  );

  return (
    <RunContext value={scope}>
      <title>{`${run.workflow_name} · Graphwright`}</title>
      <RunHead run={run} connection={connection} />
      <div className="flex min-h-0 grow flex-col md:flex-row">
        {asked && panel}
        <div key="graph" className="flex min-w-0 flex-col md:grow">
          <section aria-label={search.view === "timeline" ? "When" : "Graph"} className="relative h-[56vh] shrink-0 md:h-auto md:min-h-0 md:shrink md:grow">
            <ViewSwitch view={search.view ?? "graph"} onView={look} />
            {search.view === "timeline" ? (
              <Later>
                <TimelineView run={run} chosen={chosen} lap={iteration} onChoose={choose} />
              </Later>
            ) : (
              <GraphView chosen={chosen} onChoose={choose} following={following && node === undefined} onFollow={follow} />
            )}
          </section>
          <EventList open={logOpen} onToggle={() => setLogOpen(!logOpen)} chosen={chosen} picked={event} onPick={pick} startedAt={run.created_at} />
        </div>
        {!asked && panel}
      </div>
      <Later instead={null}>
        {search.ask === "fork" && <ForkDialog run={run} choice={search} onChoice={(choice) => ask("fork", choice)} onClose={leave} />}
        {search.ask === "retry" && <RetryDialog run={run} choice={search} onChoice={(choice) => ask("retry", choice)} onClose={leave} onDone={follow} />}
      </Later>
    </RunContext>
  );
}

function defined({ from, version }: Choice): Pick<RunSearch, "from" | "version"> {
  return { ...(from === undefined ? {} : { from }), ...(version === undefined ? {} : { version }) };
}

/** Whether the node that is shown waits for somebody to do something. */
function useAsked(graph: Graph, store: RunStore, chosen: string | null): boolean {
  return useStore(store, (known) => waitingNodes(graph, (id) => known.node(id)).some(({ id, code }) => id === chosen && FOR_PEOPLE.has(code)));
}

/** Which node to show while following; nothing before the log has caught up, or the page would flicker through the past. */
function useFollowed(following: boolean, store: RunStore, graph: Graph, lastSeq: number): string | null {
  return useStore(store, (known) => (following && known.log.head >= lastSeq ? focusNode(graph, (id) => known.node(id)) : null));
}
