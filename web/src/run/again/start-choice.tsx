import { useQuery } from "@tanstack/react-query";
import type { Graph, Run, VersionSummary } from "../../api/types";
import { Labelled, Select } from "../../ui/field";
import { clock } from "../../ui/time";
import { versionsQuery } from "./queries";

interface Props {
  run: Run;
  /** Of the version that is chosen. */
  graph: Graph | undefined;
  from: string | undefined;
  version: number | undefined;
  /** What it means that no node is chosen. */
  otherwise: string;
  onChange: (choice: { from: string | undefined; version: number | undefined }) => void;
}

/** From which node to go on, and on which version. */
export function StartChoice({ run, graph, from, version, otherwise, onChange }: Props) {
  const versions = useQuery(versionsQuery(run.project_id, run.workflow_id)).data ?? [];
  const known = versions.some((item) => item.version === run.version);
  const nodes = graph?.nodes ?? [];
  const missing = from !== undefined && !nodes.some(({ id }) => id === from);
  const pickVersion = (value: number) => onChange({ from, version: value === run.version ? undefined : value });
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Labelled label="Version">
        {(id) => (
          <Select id={id} value={version ?? run.version} onChange={(event) => pickVersion(Number(event.target.value))} className="w-full">
            {!known && <option value={run.version}>v{run.version}, as it ran</option>}
            {versions.map((item, index) => (
              <option key={item.version} value={item.version}>
                {versionName(item, run, index === 0)}
              </option>
            ))}
          </Select>
        )}
      </Labelled>
      <Labelled label="Begin at">
        {(id) => (
          <Select id={id} value={from ?? ""} onChange={(event) => onChange({ from: event.target.value || undefined, version })} className="w-full">
            <option value="">{otherwise}</option>
            {missing && <option value={from}>{from}</option>}
            {nodes.map((node) => (
              <option key={node.id} value={node.id}>
                {node.name ? `${node.name} (${node.id})` : node.id}
              </option>
            ))}
          </Select>
        )}
      </Labelled>
    </div>
  );
}

function versionName({ version, created_at }: VersionSummary, run: Run, newest: boolean): string {
  const note = version === run.version ? (newest ? "as it ran, the newest" : "as it ran") : newest ? "the newest" : clock(created_at);
  return `v${version}, ${note}`;
}
