import type { GraphDoc } from "../document";
import { ENTRY, foreignToGraph, LABELS, SETTINGS, STATE } from "./node-fields";
import { Others, Part, Rows } from "./parts";
import { problemsAt, useForm } from "./scope";
import type { Path } from "./values";

interface Props {
  doc: GraphDoc;
  set: (path: Path, value: unknown, what: string) => void;
}

/** What holds for the whole graph. */
export function DocumentForm({ doc, set }: Props) {
  const { problems } = useForm();
  const own = [...problemsAt(problems, "", false), ...problemsAt(problems, "/nodes", false), ...problemsAt(problems, "/edges", false)];
  return (
    <div className="space-y-5 p-4">
      <h2 className="sr-only">Workflow</h2>
      <p className="text-xs text-ink-2">Choose a node or an edge to see what it says.</p>
      {own.map((message) => (
        <p key={message} role="alert" className="rounded-lg bg-failed-soft px-3 py-2 text-xs text-failed">
          {message}
        </p>
      ))}
      <Part title="Runs">
        <Rows fields={SETTINGS} whole={doc.settings} path={["settings"]} set={set} />
      </Part>
      <Part title="State">
        <Rows fields={[STATE]} whole={doc} path={[]} set={set} />
      </Part>
      <Part title="Beginning">
        <Rows fields={[ENTRY]} whole={doc} path={[]} set={set} />
      </Part>
      <Part title="Names">
        <Rows fields={LABELS} whole={doc} path={[]} set={set} />
      </Part>
      <Others keys={foreignToGraph(doc)} whole={doc} path={[]} set={set} />
    </div>
  );
}
