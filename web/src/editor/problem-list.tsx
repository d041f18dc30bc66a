import type { Problem, Selection } from "./document";
import { spotlight } from "./forms/spotlight";
import { useEditorScope } from "./use-editor";

interface Props {
  problems: readonly Problem[];
  /** Where they can be gone to. */
  onGo?: (selection: Selection) => void;
}

const MOST = 100;

/** What is wrong, each with its place; pressed, it is gone to. */
export function ProblemList({ problems, onGo }: Props) {
  const { store } = useEditorScope();
  const go = (place: Selection, { pointer }: Problem) => {
    onGo?.(place);
    spotlight.show(pointer);
  };
  return (
    <ul aria-label="Problems" className="divide-y divide-line overflow-hidden rounded-lg border border-line">
      {problems.slice(0, MOST).map((problem, index) => {
        const place = placeOf(problem, store.doc.edges.length);
        const words = (
          <>
            <span className="block [overflow-wrap:anywhere]">{problem.message.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</span>
            <code className="block truncate font-mono text-[11px] text-ink-3">{[problem.node_id, problem.pointer || "/"].filter(Boolean).join(" · ")}</code>
          </>
        );
        return (
          <li key={index}>
            {onGo ? (
              <button type="button" onClick={() => go(place, problem)} className="w-full px-3 py-2 text-left hover:bg-hover">
                {words}
              </button>
            ) : (
              <div className="px-3 py-2">{words}</div>
            )}
          </li>
        );
      })}
      {problems.length > MOST && <li className="px-3 py-2 text-ink-3">and {problems.length - MOST} more</li>}
    </ul>
  );
}

function placeOf({ node_id, edge }: Problem, edges: number): Selection {
  if (typeof edge === "number" && edge < edges) return { kind: "edge", index: edge };
  return typeof node_id === "string" ? { kind: "node", id: node_id } : { kind: "none" };
}
