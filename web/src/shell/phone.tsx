import { Link } from "@tanstack/react-router";
import { Icon, Logo } from "../ui/icons";
import { Menu, MenuLink } from "../ui/menu";
import { ThemeSwitch } from "../ui/theme-switch";
import { KeyChip } from "./key-chip";
import { ON_A_PHONE, PLACES } from "./places";
import { ProjectMenu } from "./project-menu";
import { useWaiting } from "./use-waiting";

const TAB = "relative flex grow basis-0 flex-col items-center gap-0.5 py-1.5 text-[11px] font-medium text-ink-3 -outline-offset-2";
const HERE = { className: "!text-accent", "aria-current": "page" } as const;

export function PhoneTop({ project }: { project: string | undefined }) {
  return (
    <header className="flex shrink-0 items-center gap-2.5 border-b border-line bg-bg px-3 py-2 md:hidden">
      <Link to="/" search={{ all: true }} className="rounded-lg" aria-label="Graphwright, all projects">
        <Logo size={24} />
      </Link>
      {project && <ProjectMenu project={project} />}
      <div className="ml-auto flex min-w-0 items-center gap-1">
        {!project && <KeyChip />}
        <ThemeSwitch />
      </div>
    </header>
  );
}

/** The places of a project within reach of a thumb. */
export function PhoneBar({ project }: { project: string }) {
  const waiting = useWaiting(project);
  return (
    <nav aria-label="Project" className="flex shrink-0 border-t border-line bg-bg pb-[env(safe-area-inset-bottom)] md:hidden">
      {PLACES.slice(0, ON_A_PHONE).map((place) => (
        <Link key={place.to} to={place.to} params={{ project }} className={TAB} activeProps={HERE}>
          <Icon name={place.icon} size={19} />
          {place.text}
          {place.counts && waiting && (
            <span data-status="WAITING" className="absolute top-0.5 left-1/2 ml-1.5 rounded-full bg-(--st) px-1 text-[10px] leading-4 font-semibold text-surface">
              {waiting}
              <span className="sr-only"> wait for an answer</span>
            </span>
          )}
        </Link>
      ))}
      <Menu
        trigger={
          <button type="button" className={TAB}>
            <Icon name="more" size={19} />
            More
          </button>
        }
      >
        {PLACES.slice(ON_A_PHONE).map((place) => (
          <MenuLink key={place.to}>
            <Link to={place.to} params={{ project }}>
              <Icon name={place.icon} size={15} className="text-ink-3" />
              {place.text}
            </Link>
          </MenuLink>
        ))}
        <div className="px-1 pt-1">
          <KeyChip />
        </div>
      </Menu>
    </nav>
  );
}
