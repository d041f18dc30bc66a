import * as Tabs from "@radix-ui/react-tabs";
import { type CSSProperties, lazy, Suspense, useRef } from "react";
import { Skeleton } from "../ui/states";
import { Divider, fitting, useWidth } from "./divider";
import type { Problem } from "./document";
import { idsOf } from "./edits";
import { useEditor, useEditorScope } from "./use-editor";

const Inspector = lazy(() => import("./forms/inspector").then((module) => ({ default: module.Inspector })));
const JsonPane = lazy(() => import("./json-pane").then((module) => ({ default: module.JsonPane })));

const NO_PROBLEMS: readonly Problem[] = [];

export type Side = "form" | "json";

/** JSON has longer lines than forms. */
const USUAL = { form: 352, json: 480 } as const;

/** Beside the canvas: the form of what is selected, or all of it as JSON. */
export function SidePanel({ side, onSide }: { side: Side; onSide: (side: Side) => void }) {
  const { store, project, workflow, catalog, readOnly } = useEditorScope();
  const { doc, numbers } = useEditor((_, known) => known.written);
  const selection = useEditor((state) => state.selection);
  const said = useEditor((state) => state.problems);
  // Of an empty graph everybody sees what it needs.
  const problems = doc.nodes.length === 0 ? NO_PROBLEMS : said;
  const name = { none: "Workflow", node: "Node", edge: "Edge", many: `${idsOf(selection).length} nodes` }[selection.kind];
  const box = useRef<HTMLDivElement>(null);
  const { width, resize } = useWidth(`graphwright.panel.${side}`, USUAL[side]);
  const shown = fitting(width, document.documentElement.clientWidth);
  const attempt = (next: number) => box.current?.style.setProperty("--panel", `${next}px`);
  return (
    <Tabs.Root
      ref={box}
      value={side}
      onValueChange={(value) => onSide(value as Side)}
      style={{ "--panel": `${shown}px` } as CSSProperties}
      className="relative flex min-h-0 shrink-0 flex-col border-t border-line max-md:min-h-[60vh] md:w-(--panel) md:border-t-0 md:border-l"
    >
      <Divider width={shown} onResize={resize} onTry={attempt} />
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
            numbers={numbers}
            onChange={(next, what, written) => store.change(next, what, { key: `form:${what}`, ...(written ? { numbers: written } : {}) })}
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
