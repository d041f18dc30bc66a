import type { RawNode } from "../document";
import { FieldRow } from "./field-row";
import { BEHAVIOUR } from "./node-fields";
import { Part } from "./parts";
import { same } from "./values";

interface Props {
  nodes: RawNode[];
  set: (key: string, value: unknown, what: string) => void;
}

const TOGETHER = BEHAVIOUR.filter(({ key }) => ["on_error", "retry", "timeout", "queue"].includes(key));

/** What can be said of several nodes at once. */
export function ManyForm({ nodes, set }: Props) {
  return (
    <div className="space-y-5 p-4">
      <header>
        <h2 className="text-[15px] font-semibold">{nodes.length} nodes</h2>
        <p className="mt-0.5 truncate text-xs text-ink-2">{nodes.map((node) => node.id).join(", ")}</p>
      </header>
      <Part title="For all of them">
        {TOGETHER.map((field) => {
          const values = nodes.map((node) => node[field.key]);
          const shared = values.every((value) => same(value, values[0]));
          const hint = shared ? field.hint : "They differ; what you say here is said for all.";
          return <FieldRow key={field.key} field={{ ...field, hint }} value={shared ? values[0] : undefined} path={["many", field.key]} onChange={(value) => set(field.key, value, field.title)} />;
        })}
      </Part>
    </div>
  );
}
