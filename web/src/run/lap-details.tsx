import type { ReactNode } from "react";
import type { GraphNode, NodeState } from "../api/types";
import type { Lap } from "../stream/state";
import { Countdown } from "../ui/countdown";
import { JsonView } from "../ui/json-view";
import { Later, later } from "../ui/later";
import { clock } from "../ui/time";
import { Callouts } from "./callouts";
import { ChildRuns, startsRuns } from "./child-runs";
import { Files } from "./files";
import { Attempts } from "./inspect/attempts";
import { Logs } from "./inspect/logs";
import { Facts, Section } from "./run-panel";
import { TokenBox } from "./token-box";
import { WaitBox } from "./wait-box";

const MapSection = later(() => import("./map-section"), "MapSection");

interface Props {
  node: GraphNode;
  lap: Lap | undefined;
  row: NodeState | undefined;
  /** Which of its attempts is meant. */
  attempt: number | undefined;
}

/** What came of one turn of a node, and how. */
export function LapDetails({ node, lap, row, attempt }: Props) {
  if (!lap) return <p className="text-ink-2">Its turn has not come yet.</p>;
  const output = row?.status === lap.status && row.output !== undefined ? row.output : lap.output;
  const error = row?.error ?? lap.error;
  // The form shows all that the input of an approval would.
  const asks = node.type === "approval" && lap.reason?.code === "waiting_for_approval";
  const inWait = node.type === "subworkflow" && lap.reason?.code === "waiting_for_run";
  const queue = typeof node.queue === "string" && node.queue !== "default" ? node.queue : undefined;
  return (
    <>
      <Callouts error={error && { ...lap.error, ...error }} reason={lap.status === "WAITING" ? null : lap.reason} status={lap.status} />
      {lap.status === "RETRYING" && lap.wakeAt && (
        <p className="text-ink-2">
          Attempt {lap.attempt + 1} begins in <Countdown until={lap.wakeAt} past="a moment" />
        </p>
      )}
      {lap.status === "WAITING" && <WaitBox node={node} lap={lap} />}
      {lap.tokens !== "" && node.type !== "map" && lap.status !== "COMPLETED" && <TokenBox text={lap.tokens} live={lap.status === "RUNNING"} />}
      {startsRuns(node) && !inWait && (
        <Section title={node.type === "map" ? "Child runs" : "Child run"}>
          <ChildRuns node={node.id} lap={lap}>
            <p className="text-ink-2">None yet.</p>
          </ChildRuns>
        </Section>
      )}
      {node.type === "map" && (
        <Later>
          <MapSection node={node.id} lap={lap} />
        </Later>
      )}
      <Files key={`${node.id}/${lap.iteration}`} filter={{ node: node.id, iteration: lap.iteration }} stand={lap.status} />
      {lap.status === "COMPLETED" && (
        <Section title="Output" aside={lap.truncated && row === undefined && <span className="text-xs text-ink-3">cut, loading the whole</span>}>
          <JsonView value={output ?? null} label="Output" fileName="output.json" />
        </Section>
      )}
      {row?.input !== undefined && row.input !== null && !asks && (
        <Section title="Input">
          <JsonView value={row.input} label="Input" fileName="input.json" />
        </Section>
      )}
      <Attempts node={node.id} lap={lap} chosen={attempt} />
      <Logs node={node.id} iteration={lap.iteration} seq={lap.seq} />
      <Facts
        facts={[
          ["Attempt", String(lap.attempt)],
          ...(queue === undefined ? [] : ([["Queue", <code key="queue" className="font-mono text-xs">{queue}</code>]] as [string, ReactNode][])),
          ["Started", lap.startedAt || row?.started_at ? clock(lap.startedAt ?? row!.started_at!) : "–"],
          ["Ended", lap.finishedAt ? clock(lap.finishedAt) : "–"],
        ]}
      />
    </>
  );
}
