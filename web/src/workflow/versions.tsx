import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { api, data } from "../api/client";
import { keys, versionQuery } from "../api/queries";
import type { VersionSummary, Workflow } from "../api/types";
import { versionsQuery, workflowKeys } from "../api/workflow";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { Menu, MenuItem, MenuLink } from "../ui/menu";
import { ErrorBox, Failed, Skeleton } from "../ui/states";
import { ago, clock } from "../ui/time";
import { useNow } from "../ui/use-now";
import { Compare } from "./compare";
import { exportWorkflow, type ExportFormat } from "./export";

/** Every version that the workflow has had, and what changed from one to the other. */
export function Versions({ workflow }: { workflow: Workflow }) {
  const { from, to } = useSearch({ from: "/projects/$project/workflows/$workflow" });
  const versions = useInfiniteQuery(versionsQuery(workflow.project_id, workflow.id, workflow.version));
  const again = useBringBack(workflow);
  if (versions.isPending) return <Skeleton />;
  if (!versions.data) return <Failed error={versions.error} retry={() => void versions.refetch()} what="the versions" />;
  const items = versions.data.pages.flatMap((page) => page.items);
  const shown = from && to ? { from, to } : workflow.version > 1 ? { from: workflow.version - 1, to: workflow.version } : null;
  return (
    <div className="flex flex-col lg:min-h-0 lg:grow lg:flex-row">
      <div className="shrink-0 border-line max-lg:border-b lg:w-80 lg:overflow-y-auto lg:border-r">
        {again.error && <div className="p-3"><ErrorBox error={again.error} /></div>}
        <ol aria-label="Versions" className="max-lg:max-h-64 max-lg:overflow-y-auto">
          {items.map((version) => (
            <Row key={version.version} workflow={workflow} version={version} shown={shown} busy={again.isPending} onBringBack={() => again.mutate(version.version)} />
          ))}
        </ol>
        {versions.hasNextPage && (
          <div className="p-3">
            <Button busy={versions.isFetchingNextPage} onClick={() => void versions.fetchNextPage()}>
              Older versions
            </Button>
          </div>
        )}
      </div>
      <div className="min-w-0 grow lg:overflow-y-auto">
        <Compare workflow={workflow} shown={shown} />
      </div>
    </div>
  );
}

interface RowProps {
  workflow: Workflow;
  version: VersionSummary;
  shown: { from: number; to: number } | null;
  busy: boolean;
  onBringBack: () => void;
}

function Row({ workflow, version: { version, node_count, created_at }, shown, busy, onBringBack }: RowProps) {
  const now = useNow(30_000);
  const navigate = useNavigate({ from: "/projects/$project/workflows/$workflow" });
  const newest = version === workflow.version;
  const exported = useMutation({ mutationFn: (format: ExportFormat) => exportWorkflow(workflow, format, version) });
  const compare = (from: number, to: number) => void navigate({ search: { part: "versions", from, to }, replace: true });
  const side = shown?.to === version ? "After" : shown?.from === version ? "Before" : null;
  return (
    <li className={`flex items-center gap-2 border-b border-line px-4 py-2 ${side ? "bg-accent-soft/40" : ""}`}>
      <div className="min-w-0 grow">
        <p className="flex items-center gap-2 font-medium">
          <Link
            from="/projects/$project/workflows/$workflow"
            search={version > 1 ? { part: "versions", from: version - 1, to: version } : { part: "versions" }}
            replace
            className="hover:underline"
          >
            Version {version}
          </Link>
          {newest && <span className="rounded-md border border-line px-1.5 text-xs font-normal text-ink-2">newest</span>}
          {side && <span className="text-xs font-normal text-accent">{side}</span>}
        </p>
        <p className="text-xs text-ink-3">
          {node_count} {node_count === 1 ? "node" : "nodes"} ·{" "}
          <time dateTime={created_at} title={clock(created_at)}>
            {ago(created_at, now)}
          </time>
        </p>
        {exported.isError && <ErrorBox error={exported.error} />}
      </div>
      <Menu trigger={<Button kind="quiet" icon="more" aria-label={`More for version ${version}`} busy={busy} />}>
        <MenuLink>
          <Link to="/projects/$project/workflows/$workflow/edit" params={{ project: workflow.project_id, workflow: workflow.id }} search={newest ? {} : { version }}>
            <Icon name="workflows" size={15} className="text-ink-3" />
            Look at its graph
          </Link>
        </MenuLink>
        <MenuItem icon="versions" disabled={newest} onSelect={() => compare(version, workflow.version)}>
          Compare with the newest
        </MenuItem>
        <MenuItem icon="retry" needs="editor" disabled={newest} onSelect={onBringBack}>
          Bring back as version {workflow.version + 1}
        </MenuItem>
        <MenuItem icon="save" onSelect={() => exported.mutate("json")}>
          Export as JSON
        </MenuItem>
      </Menu>
    </li>
  );
}

/** An old graph becomes the next version: versions themselves never change. */
function useBringBack(workflow: Workflow) {
  const client = useQueryClient();
  const navigate = useNavigate({ from: "/projects/$project/workflows/$workflow" });
  const path = { project_id: workflow.project_id, workflow_id: workflow.id };
  return useMutation({
    mutationFn: async (version: number) => {
      const { graph } = await client.fetchQuery(versionQuery(path.project_id, path.workflow_id, version));
      return data(api.PUT("/projects/{project_id}/workflows/{workflow_id}", { params: { path }, body: { graph } }));
    },
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: [...workflowKeys.one(path.project_id, path.workflow_id), "itself"] }),
        client.invalidateQueries({ queryKey: keys.workflows(path.project_id) }),
      ]);
      await navigate({ search: { part: "versions" }, replace: true });
    },
  });
}
