import { Icon, type IconName } from "../ui/icons";

type View = "graph" | "timeline";

const VIEWS: { view: View; icon: IconName; word: string }[] = [
  { view: "graph", icon: "workflows", word: "Graph" },
  { view: "timeline", icon: "timeline", word: "Timeline" },
];

/** How to look at the run: where things are, or when they happened. */
export function ViewSwitch({ view, onView }: { view: View; onView: (view: View) => void }) {
  return (
    <div role="group" aria-label="View" className="absolute top-2 right-3 z-30 flex rounded-lg border border-line bg-raised p-0.5 shadow-card">
      {VIEWS.map((item) => (
        <button
          key={item.view}
          type="button"
          aria-pressed={view === item.view}
          onClick={() => onView(item.view)}
          className={`flex items-center gap-1.5 rounded-md px-2 py-1 text-xs font-medium ${view === item.view ? "bg-hover text-ink" : "text-ink-2 hover:text-ink"}`}
        >
          <Icon name={item.icon} size={13} />
          {item.word}
        </button>
      ))}
    </div>
  );
}
