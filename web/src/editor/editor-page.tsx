import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ReactFlowProvider } from "@xyflow/react";
import { type ReactNode, useMemo, useState } from "react";
import { freshKey } from "../api/client";
import { meQuery, needs, useMay } from "../api/me";
import { Button } from "../ui/button";
import { Empty, ErrorBox, Skeleton } from "../ui/states";
import type { Catalog } from "./document";
import { FromRun } from "./from-run";
import { handed, handOver } from "./handing";
import { Notice, Notices } from "./notices";
import { type Opening, openNew, openToLook, openVersion, openWorkflow } from "./opening";
import { catalogQuery, type Stored } from "./server";
import { EditorStore } from "./store";
import { EditorContext, type EditorScope } from "./use-editor";
import { Workspace } from "./workspace";

const EDIT = "/projects/$project/workflows/$workflow/edit";

/** The editor of a workflow, or a look at one of its versions. */
export function EditorPage() {
  const { project, workflow } = useParams({ from: EDIT });
  const { version, node } = useSearch({ from: EDIT });
  return <Loaded key={`${project}/${workflow}/${version ?? ""}`} project={project} workflow={workflow} version={version} node={node} />;
}

/** The editor on an empty graph. */
export function NewWorkflowPage() {
  const { project } = useParams({ from: "/projects/$project/new" });
  return <Loaded key={project} project={project} workflow={null} version={undefined} node={undefined} />;
}

interface Address {
  project: string;
  workflow: string | null;
  version: number | undefined;
  node: string | undefined;
}

function Loaded(address: Address) {
  const me = useQuery(meQuery());
  const editor = useMay().may("editor");
  if (me.isPending) return <Skeleton rows={6} />;
  if (!editor && address.workflow === null) return <NotAllowed project={address.project} />;
  return <Open key={String(editor)} {...address} editor={editor} />;
}

function NotAllowed({ project }: { project: string }) {
  return (
    <Empty icon="key" title="Your key may not make workflows">
      <p>{needs("editor")}</p>
      <Link to="/projects/$project/workflows" params={{ project }} className="mt-3 inline-flex h-8 items-center rounded-lg px-3 font-medium text-accent hover:bg-hover">
        All workflows
      </Link>
    </Empty>
  );
}

function Open({ editor, ...address }: Address & { editor: boolean }) {
  const { project, workflow, version } = address;
  const [before] = useState(() => (version === undefined ? handed(workflow) : null));
  const [visit] = useState(freshKey);
  const catalog = useQuery(catalogQuery());
  const opening = useQuery({
    queryKey: ["editor", project, workflow, version, visit],
    queryFn: ({ signal }): Promise<Opening> => {
      if (workflow === null) return Promise.resolve(openNew(project, localStorage, freshKey));
      if (version !== undefined) return openVersion(project, workflow, version, signal);
      if (!editor) return openToLook(project, workflow, signal);
      return openWorkflow(project, workflow, localStorage, freshKey, signal);
    },
    staleTime: Infinity,
    gcTime: 0,
    enabled: before === null,
  });
  const failed = catalog.error ?? opening.error;
  const data = before?.opening ?? opening.data;
  if (data && catalog.data) return <Opened {...address} editor={editor} opening={data} catalog={catalog.data} before={before?.store ?? null} runAtOnce={before?.run ?? false} />;
  if (failed) {
    return (
      <div className="p-5">
        <ErrorBox error={failed} retry={() => void (catalog.error ? catalog.refetch() : opening.refetch())} />
      </div>
    );
  }
  return <Skeleton rows={6} />;
}

interface OpenedProps extends Address {
  editor: boolean;
  opening: Opening;
  catalog: Catalog;
  before: EditorStore | null;
  runAtOnce: boolean;
}

function Opened({ project, workflow, version, node, editor, opening, catalog, before, runAtOnce }: OpenedProps) {
  const navigate = useNavigate();
  const [store] = useState(() => before ?? storeOf(opening, node));
  const old = version !== undefined && version !== opening.base?.version;
  const readOnly = old || !editor;
  const scope = useMemo<EditorScope>(() => ({ store, project, workflow, catalog, readOnly, old }), [store, project, workflow, catalog, readOnly, old]);
  const created = (stored: Stored, run: boolean) => {
    const slot = opening.slot.replace(":new:", `:${stored.id}:`);
    localStorage.removeItem(opening.slot);
    handOver({ workflow: stored.id, store, run, opening: { ...opening, slot, reopened: null, others: [] } });
    void navigate({ to: EDIT, params: { project, workflow: stored.id }, replace: true });
  };
  const notices = () => {
    if (old) return <OldVersion opening={opening} project={project} workflow={workflow!} version={version} editor={editor} />;
    return editor ? <Told opening={opening} fromRun={workflow !== null} /> : <Notice icon="key" text={`To be looked at only. ${needs("editor", "Changing a workflow")}`} />;
  };
  const title = opening.base?.name ?? "New workflow";
  return (
    <EditorContext value={scope}>
      <title>{`${title} · Graphwright`}</title>
      <ReactFlowProvider>
        <Workspace slot={opening.slot} onCreated={created} runAtOnce={runAtOnce} notices={notices()} />
      </ReactFlowProvider>
    </EditorContext>
  );
}

function Told({ opening, fromRun }: { opening: Opening; fromRun: boolean }) {
  return (
    <>
      {fromRun && <FromRun />}
      <Notices opening={opening} />
    </>
  );
}

function storeOf({ written, base, name, pane }: Opening, node: string | undefined): EditorStore {
  const store = new EditorStore(written, base, name, pane);
  if (node !== undefined && written.doc.nodes.some(({ id }) => id === node)) store.select({ kind: "node", id: node });
  return store;
}

interface OldProps {
  opening: Opening;
  project: string;
  workflow: string;
  version: number;
  editor: boolean;
}

/** Versions never change; an old one can be the beginning of the next. */
function OldVersion({ opening, project, workflow, version, editor }: OldProps): ReactNode {
  const navigate = useNavigate();
  const newest = opening.base!;
  const begin = async () => {
    const current = await openWorkflow(project, workflow, localStorage, freshKey);
    const store = storeOf(current, undefined);
    store.change(opening.written.doc, `Take version ${version}`, { numbers: opening.written.numbers });
    handOver({ workflow, store, run: false, opening: current });
    await navigate({ to: EDIT, params: { project, workflow } });
  };
  return (
    <Notice icon="key" text={`Version ${version} of ${newest.version}, as it was saved: to be looked at only.`}>
      <Button kind="quiet" disabled={!editor} title={editor ? undefined : needs("editor")} onClick={() => void begin()}>
        Go on from this version
      </Button>
      <Link to={EDIT} params={{ project, workflow }} className="inline-flex h-8 items-center rounded-lg px-3 font-medium text-ink-2 hover:bg-hover hover:text-ink">
        Open version {newest.version}
      </Link>
    </Notice>
  );
}
