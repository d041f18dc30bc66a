import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { projectsQuery } from "../api/queries";
import { Icon } from "../ui/icons";
import { Menu, MenuLine, MenuLink } from "../ui/menu";

const SHOWN = 12;

/** The project that one is in, and the way to the others. */
export function ProjectMenu({ project, className = "" }: { project: string; className?: string }) {
  const projects = useQuery(projectsQuery()).data?.items ?? [];
  const name = projects.find((item) => item.id === project)?.name ?? "Project";
  const others = projects.filter((item) => item.id !== project).slice(0, SHOWN);
  const trigger = (
    <button
      type="button"
      aria-label={`Project ${name}, change`}
      className={`flex min-w-0 items-center gap-2 rounded-lg border border-line bg-surface px-2.5 py-1.5 text-left font-medium shadow-card hover:bg-hover ${className}`}
    >
      <Icon name="projects" size={15} className="text-ink-3" />
      <span className="truncate">{name}</span>
      <Icon name="down" size={12} className="ml-auto text-ink-3" />
    </button>
  );
  return (
    <Menu trigger={trigger} align="start">
      {others.map((item) => (
        <MenuLink key={item.id}>
          <Link to="/projects/$project/runs" params={{ project: item.id }}>
            <Icon name="projects" size={15} className="text-ink-3" />
            <span className="truncate">{item.name}</span>
          </Link>
        </MenuLink>
      ))}
      {others.length > 0 && <MenuLine />}
      <MenuLink>
        <Link to="/" search={{ all: true }}>
          <Icon name="plus" size={15} className="text-ink-3" />
          All projects, or a new one
        </Link>
      </MenuLink>
    </Menu>
  );
}
