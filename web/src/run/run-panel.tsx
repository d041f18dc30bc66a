import type { ReactNode } from "react";
import { ENDED, type Run } from "../api/types";
import { Icon } from "../ui/icons";
import { JsonView } from "../ui/json-view";
import { clock } from "../ui/time";
import { Callouts } from "./callouts";
import { Files } from "./files";
import { handlingFacts, originFacts } from "./origin";
import { useRunScope } from "./run-context";

/** The head of the page says why. */
const WAITS: ReadonlySet<string> = new Set(["WAITING", "RETRYING"]);

/** What the run as a whole has to say; shown while no node is chosen. */
export function RunPanel({ run }: { run: Run }) {
  const { graph } = useRunScope();
  return (
    <div className="space-y-6 p-5">
      <Callouts error={run.error} reason={WAITS.has(run.status) ? null : run.reason} status={run.status} />
      <Section title="Result">
        {run.status === "COMPLETED" ? (
          <JsonView value={run.result} label="Result" fileName={`${run.id}-result.json`} />
        ) : (
          <p className="text-ink-2">{ENDED.has(run.status) ? "This run has ended without a result." : "It will be here when the run has ended."}</p>
        )}
      </Section>
      <Files filter={{}} stand={run.status} />
      <Section title="Input">
        <JsonView value={run.input} label="Input" fileName={`${run.id}-input.json`} />
      </Section>
      <Section title="About">
        <Facts
          facts={[
            ["Run", <code key="id" className="font-mono text-xs break-all">{run.id}</code>],
            ["Workflow", `${run.workflow_name}, version ${run.version}`],
            ["Graph", `${graph.nodes.length} nodes, ${graph.edges.length} edges`],
            ...originFacts(run),
            ...handlingFacts(run),
            ["Attempt", String(run.attempt)],
            ["Created", clock(run.created_at)],
            ["Started", run.started_at ? clock(run.started_at) : "–"],
            ["Ended", run.finished_at ? clock(run.finished_at) : "–"],
          ]}
        />
      </Section>
      {run.metadata && Object.keys(run.metadata).length > 0 && (
        <Section title="Metadata">
          <JsonView value={run.metadata} label="Metadata" />
        </Section>
      )}
      <p className="flex items-center gap-2 text-xs text-ink-3">
        <Icon name="target" size={13} /> Choose a node to see what went in and what came out.
      </p>
    </div>
  );
}

export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section>
      <div className="mb-2 flex items-center gap-2">
        <h2 className="text-xs font-semibold text-ink-2">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-x-3 gap-y-1.5">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-3">{name}</dt>
          <dd className="break-words tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
