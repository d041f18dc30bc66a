import { useState } from "react";
import type { Graph, Restart } from "../../api/types";
import { Icon, type IconName } from "../../ui/icons";
import { type Fate, type FatedGroup, fates, planSentence } from "./restart";

const PAGE = 100;

const LOOKS: Record<Fate, { icon: IconName; ink: string }> = {
  runs: { icon: "runs", ink: "text-accent" },
  undecided: { icon: "question", ink: "text-waiting" },
  reused: { icon: "check", ink: "text-completed" },
};
const TITLES: Record<Deed, Record<Fate, string>> = {
  retry: { runs: "Run again", undecided: "Run if their input has changed", reused: "Keep their results" },
  fork: { runs: "Run", undecided: "Run if their input has changed", reused: "Are taken over with their results" },
};

type Deed = "retry" | "fork";

interface Props {
  deed: Deed;
  plan: Restart;
  graph: Graph | undefined;
  /** Another one has been asked for. */
  stale: boolean;
}

/** What the server says that it would do with each node, and why. */
export function PlanView({ deed, plan, graph, stale }: Props) {
  const names = new Map(graph?.nodes.map(({ id, name }) => [id, name || id]));
  return (
    <section aria-label="What will happen" aria-busy={stale} className={stale ? "opacity-55 transition-opacity" : ""}>
      <p role="status" className="mb-2 font-medium">
        {planSentence(plan)}
      </p>
      <div className="space-y-2.5">
        {fates(plan).map((group) => (
          <Group key={group.fate} title={TITLES[deed][group.fate]} group={group} names={names} />
        ))}
      </div>
    </section>
  );
}

function Group({ title, group: { fate, nodes }, names }: { title: string; group: FatedGroup; names: ReadonlyMap<string, string> }) {
  const [shown, setShown] = useState(PAGE);
  const { icon, ink } = LOOKS[fate];
  return (
    <details open={fate !== "reused" || nodes.length <= 8} className="group overflow-hidden rounded-lg border border-line" data-fate={fate}>
      <summary className="flex cursor-pointer items-center gap-2 bg-sunken px-3 py-1.5 text-xs font-semibold text-ink-2 -outline-offset-2 hover:text-ink">
        <Icon name={icon} size={13} className={ink} />
        {title}
        <span className="font-normal text-ink-3 tabular-nums">{nodes.length.toLocaleString()}</span>
        <Icon name="chevron" size={11} className="ml-auto text-ink-3 group-open:rotate-90" />
      </summary>
      <ul className="max-h-60 overflow-y-auto">
        {nodes.slice(0, shown).map(({ id, why, turns }) => (
          <li key={id} data-plan={id} className="flex flex-wrap items-baseline gap-x-3 border-t border-line px-3 py-1.5">
            <span className="font-medium [overflow-wrap:anywhere]">{names.get(id) ?? id}</span>
            {turns > 1 && <span className="text-xs text-ink-3 tabular-nums">{turns} turns</span>}
            <span className="text-xs text-ink-2">{why}</span>
          </li>
        ))}
        {nodes.length > shown && (
          <li className="border-t border-line">
            <button type="button" onClick={() => setShown(shown + 10 * PAGE)} className="w-full py-1.5 text-xs font-medium text-accent -outline-offset-2 hover:bg-hover">
              Show more of {nodes.length.toLocaleString()}
            </button>
          </li>
        )}
      </ul>
    </details>
  );
}
