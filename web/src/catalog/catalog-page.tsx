import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { catalogQuery } from "../editor/server";
import { TypeIcon } from "../editor/type-icon";
import { CONTROL } from "../ui/field";
import { Icon } from "../ui/icons";
import { PageHead } from "../ui/page-head";
import { Empty, Failed, Skeleton } from "../ui/states";
import { useWide } from "../ui/use-wide";
import { type Entry, entriesOf } from "./entries";
import { EntryView } from "./entry-view";

/** What graphs can be built with: node types, and the tools that this server has. */
export function CatalogPage() {
  const catalog = useQuery({ ...catalogQuery(), select: entriesOf });
  const { open, find = "" } = useSearch({ from: "/projects/$project/catalog" });
  const entries = catalog.data ?? [];
  const wanted = find.trim().toLowerCase();
  const found = entries.filter(({ name, title, description }) => `${name} ${title} ${description}`.toLowerCase().includes(wanted));
  const wide = useWide();
  // Beside the list there is room for one: the first until another is chosen.
  const chosen = entries.find((entry) => entry.key === open) ?? (wide ? found[0] : undefined);
  return (
    <>
      <title>Node types · Graphwright</title>
      <PageHead title="Node types and tools" />
      {catalog.isPending && <Skeleton />}
      {catalog.isError && !catalog.data && <Failed error={catalog.error} retry={() => void catalog.refetch()} what="the node types" />}
      {catalog.data && (
        <div className="flex min-h-0 grow">
          <div className={`w-full shrink-0 flex-col overflow-y-auto border-line md:flex md:w-80 md:border-r ${chosen ? "hidden" : "flex"}`}>
            <Search />
            <List name="Node types" entries={found.filter((entry) => entry.kind === "type")} chosen={chosen} />
            <List name="Tools" entries={found.filter((entry) => entry.kind === "tool")} chosen={chosen} />
            {found.length === 0 && <Empty icon="search" title="Nothing matches">Try a shorter word.</Empty>}
            {wanted === "" && !entries.some((entry) => entry.kind === "tool") && <NoTools />}
          </div>
          {chosen && <EntryView key={chosen.key} entry={chosen} />}
        </div>
      )}
    </>
  );
}

function Search() {
  const { find = "" } = useSearch({ from: "/projects/$project/catalog" });
  const navigate = useNavigate({ from: "/projects/$project/catalog" });
  const search = (text: string) => void navigate({ search: (before) => ({ ...before, find: text === "" ? undefined : text }), replace: true });
  return (
    <div className="sticky top-0 bg-surface p-3">
      <div className="relative">
        <Icon name="search" size={14} className="absolute top-1/2 left-3 -translate-y-1/2 text-ink-3" />
        <input type="search" aria-label="Search" placeholder="Search" value={find} onChange={(event) => search(event.target.value)} className={`${CONTROL} h-9 pl-8.5`} />
      </div>
    </div>
  );
}

function List({ name, entries, chosen }: { name: string; entries: Entry[]; chosen: Entry | undefined }) {
  const { project } = useParams({ from: "/projects/$project/catalog" });
  if (entries.length === 0) return null;
  return (
    <section aria-label={name} className="pb-3">
      <h2 className="px-5 py-1.5 text-xs font-semibold text-ink-3">{name}</h2>
      <ul>
        {entries.map((entry) => (
          <li key={entry.key}>
            <Link
              to="/projects/$project/catalog"
              params={{ project }}
              search={(before) => ({ ...before, open: entry.key })}
              aria-current={entry === chosen ? "true" : undefined}
              className={`flex items-center gap-3 px-5 py-2 -outline-offset-2 hover:bg-hover ${entry === chosen ? "bg-accent-soft/60" : ""}`}
            >
              <span className="text-accent">
                <TypeIcon type={entry.kind === "tool" ? "tool" : entry.name} />
              </span>
              <span className="min-w-0">
                <span className="block truncate font-medium">{entry.title}</span>
                <span className="block truncate text-xs text-ink-3">{entry.description.split("\n")[0]?.replaceAll("`", "")}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function NoTools() {
  return (
    <p className="px-5 pb-6 text-ink-2">
      No tools yet. A Python function with <code className="font-mono text-xs">@tool</code> in a folder named by <code className="font-mono text-xs">GRAPHWRIGHT_WORKFLOWS</code> is one.
    </p>
  );
}
