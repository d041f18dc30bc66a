import * as Tabs from "@radix-ui/react-tabs";
import { lazy, Suspense } from "react";
import { Skeleton } from "../ui/states";
import type { Problem } from "./document";
import { idsOf } from "./edits";
import { useEditor, useEditorScope } from "./use-editor";

const Inspector = lazy(() => import("./forms/inspector").then((module) => ({ default: module.Inspector })));
const JsonPane = lazy(() => import("./json-pane").then((module) => ({ default: module.JsonPane })));

const NO_PROBLEMS: readonly Problem[] = [];

export type Side = "form" | "json";

/** Beside the canvas: the form of what is selected, or all of it as JSON. */
export function SidePanel({ side, onSide }: { side: Side; onSide: (side: Side) => void }) {
  const { store, project, workflow, catalog, readOnly } = useEditorScope();
  const doc = useEditor((_, known) => known.doc);
  const selection = useEditor((state) => state.selection);
  const said = useEditor((state) => state.problems);
  // Of an empty graph everybody sees what it needs.
  const problems = doc.nodes.length === 0 ? NO_PROBLEMS : said;
  const name = { none: "Workflow", node: "Node", edge: "Edge", many: `${idsOf(selection).length} nodes` }[selection.kind];
  return (
    <Tabs.Root
      value={side}
      onValueChange={(value) => onSide(value as Side)}
      className={`flex min-h-0 shrink-0 flex-col border-t border-line max-md:min-h-[60vh] md:border-t-0 md:border-l ${side === "json" ? "md:w-[30rem]" : "md:w-[22rem]"}`}
    >
      <Tabs.List aria-label="Beside the canvas" className="flex shrink-0 gap-1 border-b border-line px-2 py-1">
        {[
          ["form", name],
          ["json", "JSON"],
        ].map(([value, text]) => (
          <Tabs.Trigger
            key={value}
            value={value!}
            className="rounded-lg px-2.5 py-1 font-medium text-ink-2 hover:bg-hover data-[state=active]:bg-hover data-[state=active]:text-ink"
          >
            {text}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value="form" tabIndex={-1} className="min-h-0 grow overflow-y-auto outline-none">
        <Suspense fallback={<Skeleton rows={4} />}>
          <Inspector
            doc={doc}
            selection={selection}
            problems={problems}
            catalog={catalog}
            readOnly={readOnly}
            onChange={(next, what) => store.change(next, what, { key: `form:${what}` })}
            project={project}
            workflow={workflow}
          />
        </Suspense>
      </Tabs.Content>
      <Tabs.Content value="json" tabIndex={-1} className="min-h-0 grow outline-none max-md:h-[60vh]">
        <Suspense fallback={<Skeleton rows={6} />}>
          <JsonPane />
        </Suspense>
      </Tabs.Content>
    </Tabs.Root>
  );
}
