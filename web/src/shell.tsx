import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { KeyDialog } from "./api/key-dialog";
import { projectsQuery } from "./api/queries";
import { Icon, type IconName, Logo } from "./ui/icons";
import { ThemeSwitch } from "./ui/theme-switch";

/** The frame of every page: where one is, where one can go. A column on wide screens, a bar on narrow ones. */
export function Shell() {
  const { project } = useParams({ strict: false });
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-lg focus:bg-raised focus:p-2">
        Skip to content
      </a>
      <aside className="flex shrink-0 items-center gap-1 border-b border-line bg-bg px-3 py-2 md:w-56 md:flex-col md:items-stretch md:border-b-0 md:px-3 md:py-4">
        <Link to="/" search={{ all: true }} className="flex items-center gap-2.5 rounded-lg px-1.5 md:mb-4" aria-label="Graphwright, all projects">
          <Logo size={24} />
          <span className="hidden text-[15px] font-semibold tracking-[-0.02em] sm:inline">Graphwright</span>
        </Link>
        {project && <ProjectLink project={project} />}
        <nav aria-label="Project" className="ml-auto flex gap-0.5 md:ml-0 md:flex-col">
          {project && <Item to="/projects/$project/runs" project={project} icon="runs" text="Runs" />}
          {project && <Item to="/projects/$project/workflows" project={project} icon="workflows" text="Workflows" />}
        </nav>
        <div className="ml-1 md:mt-auto md:ml-0">
          <ThemeSwitch />
        </div>
      </aside>
      <main id="main" className="flex min-h-0 min-w-0 grow flex-col overflow-y-auto bg-surface md:my-2 md:mr-2 md:rounded-xl md:border md:border-line md:shadow-card">
        <Outlet />
      </main>
      <KeyDialog />
    </div>
  );
}

function ProjectLink({ project }: { project: string }) {
  const projects = useQuery(projectsQuery());
  const name = projects.data?.items.find((item) => item.id === project)?.name ?? "Project";
  return (
    <Link
      to="/"
      search={{ all: true }}
      className="hidden min-w-0 items-center gap-2 rounded-lg border border-line bg-surface px-2.5 py-1.5 font-medium shadow-card hover:bg-hover md:mb-3 md:flex"
      title="All projects"
    >
      <Icon name="projects" size={15} className="text-ink-3" />
      <span className="truncate">{name}</span>
      <Icon name="down" size={12} className="ml-auto text-ink-3" />
    </Link>
  );
}

interface ItemProps {
  to: "/projects/$project/runs" | "/projects/$project/workflows";
  project: string;
  icon: IconName;
  text: string;
}

function Item({ to, project, icon, text }: ItemProps) {
  return (
    <Link
      to={to}
      params={{ project }}
      className="flex items-center gap-2.5 rounded-lg px-2.5 py-1.5 font-medium text-ink-2 hover:bg-hover hover:text-ink"
      activeProps={{ className: "!text-ink bg-hover", "aria-current": "page" }}
    >
      <Icon name={icon} size={15} />
      {text}
    </Link>
  );
}
