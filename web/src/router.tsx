import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { RUN_STATUSES } from "./api/types";
import { NotFound } from "./not-found";
import { runSearch } from "./run/search";
import { Shell } from "./shell";
import { workflowSearch } from "./workflow/parts";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./projects/projects-page"), "ProjectsPage"),
  validateSearch: (search: Record<string, unknown>): { all?: boolean } => (search.all ? { all: true } : {}),
});

export interface RunsSearch {
  status?: string;
  workflow?: string;
}

const runs = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/runs",
  component: lazyRouteComponent(() => import("./runs/runs-page"), "RunsPage"),
  validateSearch: (search: Record<string, unknown>): RunsSearch => {
    const known = RUN_STATUSES.find((status) => status === search.status);
    return { ...(known ? { status: known } : {}), ...text("workflow", search) };
  },
});

const project = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/projects/$project/runs", params, replace: true });
  },
});

const workflows = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/workflows",
  component: lazyRouteComponent(() => import("./workflows/workflows-page"), "WorkflowsPage"),
});

const workflow = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/workflows/$workflow",
  component: lazyRouteComponent(() => import("./workflow/workflow-page"), "WorkflowPage"),
  validateSearch: workflowSearch,
});

const approvals = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/approvals",
  component: lazyRouteComponent(() => import("./approvals/approvals-page"), "ApprovalsPage"),
});

export interface CatalogSearch {
  /** What is shown: type:<name> or tool:<name>. */
  open?: string | undefined;
  find?: string | undefined;
}

const catalog = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/catalog",
  component: lazyRouteComponent(() => import("./catalog/catalog-page"), "CatalogPage"),
  validateSearch: (search: Record<string, unknown>): CatalogSearch => ({ ...text("open", search), ...text("find", search) }),
});

const keys = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/keys",
  component: lazyRouteComponent(() => import("./keys/keys-page"), "KeysPage"),
});

const workers = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/workers",
  component: lazyRouteComponent(() => import("./workers/workers-page"), "WorkersPage"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/settings",
  component: lazyRouteComponent(() => import("./settings/settings-page"), "SettingsPage"),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/runs/$run",
  component: lazyRouteComponent(() => import("./run/run-page"), "RunPage"),
  validateSearch: runSearch,
});

export interface EditSearch {
  /** An old version, to be looked at. */
  version?: number;
  /** The node to begin with. */
  node?: string;
  /** The run that one comes from, to mend it. */
  run?: string;
}

const edit = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/workflows/$workflow/edit",
  component: lazyRouteComponent(() => import("./editor/editor-page"), "EditorPage"),
  validateSearch: (search: Record<string, unknown>): EditSearch => {
    const version = Number(search.version);
    return { ...(Number.isInteger(version) && version > 0 ? { version } : {}), ...text("node", search), ...text("run", search) };
  },
});

const create = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/new",
  component: lazyRouteComponent(() => import("./editor/editor-page"), "NewWorkflowPage"),
});

export interface CompareSearch {
  a?: string;
  b?: string;
}

const compare = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/compare",
  component: lazyRouteComponent(() => import("./compare/compare-page"), "ComparePage"),
  validateSearch: (search: Record<string, unknown>): CompareSearch => ({ ...text("a", search), ...text("b", search) }),
});

/** A search value may look like a number in the address bar and still be a name. */
function text<Key extends string>(key: Key, search: Record<string, unknown>): Partial<Record<Key, string>> {
  const value = search[key];
  const given = value !== undefined && value !== null && value !== "";
  return (given ? { [key]: String(value) } : {}) as Partial<Record<Key, string>>;
}

export function createAppRouter() {
  return createRouter({ routeTree: root.addChildren([home, project, runs, workflows, workflow, approvals, catalog, workers, keys, settings, run, compare, edit, create]), defaultPreload: "intent" });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
