import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { nodeQuery } from "../api/queries";
import type { GraphNode, Run } from "../api/types";
import { edgeLabel } from "../graph/elk-graph";
import type { Lap, NodeView } from "../stream/state";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy-button";
import { ErrorBox } from "../ui/states";
import { StatusBadge } from "../ui/status";
import { between, span } from "../ui/time";
import { useNow } from "../ui/use-now";
import { JsonView } from "../ui/json-view";
import { LapChooser } from "./lap-chooser";
import { LapDetails } from "./lap-details";
import { NodeActions } from "./node-actions";
import { useNode, useRunScope } from "./run-context";
import { Section } from "./run-panel";
import { linkHere } from "./search";

interface Props {
  run: Run;
  id: string;
  iteration: number | undefined;
  attempt: number | undefined;
  onLap: (iteration: number) => void;
  onClose: () => void;
}

/** Everything about one node: live from the stream, and whole (inputs, long outputs) from its rows. */
export function NodePanel({ run, id, iteration, attempt, onLap, onClose }: Props) {
  const { project, runId, graph } = useRunScope();
  const view = useNode(id);
  const node = graph.nodes.find((item) => item.id === id);
  const rows = useQuery(nodeQuery(project, runId, id, view?.changed ?? 0));
  const lap = view?.laps.find((item) => item.iteration === iteration) ?? view?.laps.at(-1);
  const row = rows.data?.find((item) => item.iteration === (lap?.iteration ?? 0));

  if (!node) {
    return (
      <div className="p-5">
        <ErrorBox error={`There is no node “${id}” in this version of the graph.`} />
      </div>
    );
  }
  // What is asked comes before what one could do besides.
  const waits = lap?.status === "WAITING";
  const actions = <NodeActions run={run} node={id} ran={lap !== undefined} />;
  return (
    <div className="space-y-5 p-5" data-panel={id}>
      <header className="flex items-start gap-2">
        <div className="min-w-0 grow">
          <h2 tabIndex={-1} className="text-[15px] font-semibold [overflow-wrap:anywhere]">{node.name || node.id}</h2>
          <p className="mt-0.5 text-xs text-ink-3">
            {node.type}
            {node.name && <span className="font-mono"> · {node.id}</span>}
          </p>
        </div>
        <CopyButton label="Copy a link to this node" text={() => linkHere({ node: id, ...(lap && view && view.laps.length > 1 ? { iteration: lap.iteration } : {}) })} />
        <Button kind="quiet" icon="close" aria-label="Close the node" title="Close (Esc)" onClick={onClose} />
      </header>
      {view && view.laps.length > 1 && <LapChooser laps={view.laps} chosen={lap?.iteration ?? 0} onChoose={onLap} />}
      <div className="flex flex-wrap items-center gap-2">
        <StatusBadge status={lap?.status ?? "PENDING"} note={lap && lap.attempt > 1 ? `attempt ${lap.attempt}` : undefined} />
        {lap && <Took lap={lap} />}
        {lap?.made && (
          <span className="rounded-md border border-line px-1.5 py-px text-xs text-ink-2" title={MADE[lap.made]}>
            {lap.made}
          </span>
        )}
      </div>
      {!waits && actions}
      <LapDetails node={node} lap={lap} row={row} attempt={attempt} />
      {waits && actions}
      {rows.isError && <ErrorBox error={rows.error} retry={() => void rows.refetch()} />}
      <Edges id={id} view={view} />
      <Definition node={node} />
    </div>
  );
}

const MADE = { reused: "Its result was taken over from before; it did not run again.", overridden: "Its output was changed by a person." } as const;

function Took({ lap }: { lap: Lap }) {
  const running = lap.startedAt !== null && lap.finishedAt === null;
  const now = useNow(200, running);
  const took = lap.durationMs ?? between(lap.startedAt, lap.finishedAt, now);
  return took === null ? null : <span className="text-xs text-ink-2 tabular-nums">{span(took)}</span>;
}

const FATES = {
  taken: { text: "taken", color: "var(--st-completed)" },
  dead: { text: "not taken", color: "var(--ink-3)" },
  broken: { text: "broken", color: "var(--st-failed)" },
} as const;

function Edges({ id, view }: { id: string; view: NodeView | undefined }) {
  const { graph } = useRunScope();
  const own = graph.edges.map((edge, index) => ({ edge, index })).filter(({ edge }) => edge.source === id);
  if (own.length === 0) return null;
  return (
    <Section title="Goes on to">
      <ul className="space-y-1">
        {own.map(({ edge, index }) => {
          const fate = view?.edges[String(index)];
          const label = edgeLabel(edge);
          return (
            <li key={index} className="flex items-center gap-2">
              <span className="min-w-0 truncate font-medium">{edge.target}</span>
              {label && <code className="min-w-0 shrink-[3] truncate rounded bg-sunken px-1.5 py-px font-mono text-[11px] text-ink-2" title={edge.condition ?? label}>{label}</code>}
              <span className="ml-auto shrink-0 text-xs" style={{ color: fate ? FATES[fate].color : "var(--ink-3)" }}>
                {fate ? FATES[fate].text : "open"}
              </span>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

function Definition({ node }: { node: GraphNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="cursor-pointer text-xs font-semibold text-ink-2 hover:text-ink">Definition</summary>
      {open && (
        <div className="mt-2">
          <JsonView value={node} label="Definition" fileName={`${node.id}.json`} />
        </div>
      )}
    </details>
  );
}
