import { Link } from "@tanstack/react-router";
import { Icon, Logo } from "../ui/icons";
import { ThemeSwitch } from "../ui/theme-switch";
import { KeyChip } from "./key-chip";
import { PLACES, type Place } from "./places";
import { ProjectMenu } from "./project-menu";
import { useWaiting } from "./use-waiting";

const ITEM = "flex items-center gap-2.5 rounded-lg px-2.5 py-1.5 font-medium text-ink-2 hover:bg-hover hover:text-ink";

export function SideBar({ project }: { project: string | undefined }) {
  return (
    <aside className="hidden w-56 shrink-0 flex-col bg-bg px-3 py-4 md:flex">
      <Link to="/" search={{ all: true }} className="mb-4 flex items-center gap-2.5 rounded-lg px-1.5" aria-label="Graphwright, all projects">
        <Logo size={24} />
        <span className="text-[15px] font-semibold tracking-[-0.02em]">Graphwright</span>
      </Link>
      {project && (
        <>
          <ProjectMenu project={project} className="mb-3" />
          <nav aria-label="Project" className="flex flex-col gap-0.5">
            {PLACES.map((place) => (
              <Item key={place.to} place={place} project={project} />
            ))}
          </nav>
        </>
      )}
      <div className="mt-auto flex flex-col items-start gap-2 pt-4">
        <KeyChip />
        <ThemeSwitch />
      </div>
    </aside>
  );
}

function Item({ place, project }: { place: Place; project: string }) {
  return (
    <Link to={place.to} params={{ project }} className={`${ITEM} ${place.apart ? "mt-3" : ""}`} activeProps={{ className: "!text-ink bg-hover", "aria-current": "page" }}>
      <Icon name={place.icon} size={15} />
      {place.text}
      {place.counts && <Waiting project={project} />}
    </Link>
  );
}

function Waiting({ project }: { project: string }) {
  const waiting = useWaiting(project);
  if (!waiting) return null;
  return (
    <span data-status="WAITING" data-waiting className="ml-auto rounded-full bg-(--st-soft) px-1.5 text-xs font-semibold text-(--st) tabular-nums">
      {waiting}
      <span className="sr-only"> wait for an answer</span>
    </span>
  );
}
