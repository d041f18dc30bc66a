import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { Run } from "../api/types";
import { Button } from "../ui/button";
import { copyText } from "../ui/copy-button";
import { Icon } from "../ui/icons";
import { Menu, MenuItem, MenuLine, MenuLink } from "../ui/menu";
import { commands } from "./curls";
import { exportRun } from "./export";
import { useRunScope } from "./run-context";
import type { Waiting } from "./waiting";

/** What else can be done with a run. */
export function RunMenu({ run, waiting }: { run: Run; waiting: readonly Waiting[] }) {
  const { graph, store, ask } = useRunScope();
  const client = useQueryClient();
  const file = useMutation({ mutationFn: () => exportRun(client, run, graph, store) });
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  const { project_id: project, workflow_id: workflow } = run;
  return (
    <>
      <Menu trigger={<Button icon={copied ? "check" : "more"} busy={file.isPending} aria-label="More" title={file.isError ? file.error.message : "More"} className={file.isError ? "!text-failed" : ""} />}>
        {run.status !== "PENDING" && (
          <MenuItem icon="fork" needs="runner" onSelect={() => ask("fork")}>
            Fork…
          </MenuItem>
        )}
        <MenuLink>
          <Link to="/projects/$project/compare" params={{ project }} search={run.forked_from === null ? { a: run.id } : { a: run.forked_from, b: run.id }}>
            <Icon name="compare" size={15} className="text-ink-3" />
            {run.forked_from === null ? "Compare with another run" : "Compare with its origin"}
          </Link>
        </MenuLink>
        <MenuLink>
          <Link to="/projects/$project/workflows/$workflow" params={{ project, workflow }}>
            <Icon name="workflows" size={15} className="text-ink-3" />
            Open the workflow
          </Link>
        </MenuLink>
        <MenuItem icon="save" onSelect={() => file.mutate()}>
          Export as JSON
        </MenuItem>
        <MenuLine />
        <p className="px-2.5 py-1 text-xs font-semibold text-ink-3">Copy as curl</p>
        {commands(run, waiting).map(({ name, text }) => (
          <MenuItem key={name} icon="terminal" title={text} onSelect={() => void copyText(text).then(() => setCopied(true))}>
            {name}
          </MenuItem>
        ))}
      </Menu>
      <span role="status" className="sr-only">
        {copied && "Copied"}
        {file.isError && `The export has failed: ${file.error.message}`}
      </span>
    </>
  );
}
