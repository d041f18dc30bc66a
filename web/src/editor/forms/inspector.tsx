import { useQueryClient } from "@tanstack/react-query";
import { type RefObject, useCallback, useEffect, useMemo, useRef } from "react";
import type { Catalog, GraphDoc, Problem, Selection } from "../document";
import { followNodes, type Numbers, type Way, withNumbersAt } from "../exact";
import { DocumentForm } from "./document-form";
import { EdgeForm } from "./edge-form";
import { ManyForm } from "./many-form";
import { NodeForm } from "./node-form";
import { Reader } from "./reader";
import { withNodeRenamed } from "./rename";
import { RunChooser, useLaps, useRuns } from "./run-chooser";
import { FormContext, type FormScope } from "./scope";
import { titleOfType } from "./shapes";
import { useSpotlight } from "./spotlight";
import { type Path, withValue } from "./values";

interface Props {
  doc: GraphDoc;
  selection: Selection;
  problems: readonly Problem[];
  catalog: Catalog;
  readOnly: boolean;
  /** The next document, and what has changed in a few words. */
  onChange: (next: GraphDoc, what: string, numbers?: Numbers) => void;
  /** How the document's numbers are written. */
  numbers: Numbers;
  project: string;
  workflow: string | null;
}

/** Forms for what is selected: a node, an edge, several nodes, or the workflow itself. */
export function Inspector(props: Props) {
  const { doc, selection, problems, catalog, readOnly, project, workflow, numbers, onChange } = props;
  const client = useQueryClient();
  const runs = useRuns(project, workflow);
  const run = runs.chosen;
  const at = selection.kind === "node" ? selection.id : selection.kind === "edge" ? (doc.edges[selection.index]?.source ?? null) : null;
  const laps = useLaps(project, run, at);
  const iteration = laps.chosen;
  const written = useRef<{ way: Way; found: Numbers } | null>(null);
  const remember = useCallback((way: Way, found: Numbers) => {
    written.current = { way, found };
    // Of a change that is not made, nothing stays.
    queueMicrotask(() => void (written.current = null));
  }, []);
  const change = (next: GraphDoc, what: string) => {
    const said = written.current;
    written.current = null;
    onChange(next, what, said ? withNumbersAt(said.way, followNodes(numbers, doc, next), said.found) : undefined);
  };
  const box = useRef<HTMLDivElement>(null);
  useSpotlight(box);
  useOwnDelete(box);
  const scope = useMemo<FormScope>(
    () => ({ doc, numbers, remember, catalog, problems, readOnly, project, workflow, run, iteration, reader: new Reader(client, project, run, doc) }),
    [client, doc, numbers, remember, catalog, problems, readOnly, project, workflow, run, iteration],
  );
  return (
    <FormContext.Provider value={scope}>
      <div ref={box} className="flex h-full min-h-0 flex-col bg-surface" data-inspector={selection.kind}>
        <div className="min-h-0 grow overflow-y-auto">
          <Chosen {...props} onChange={change} />
        </div>
        {workflow !== null && selection.kind !== "none" && <RunChooser {...runs} laps={laps} />}
      </div>
    </FormContext.Provider>
  );
}

/** Delete, pressed at a button of a form, does not take out what is selected on the canvas. */
function useOwnDelete(box: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const keep = (event: KeyboardEvent) => {
      const own = event.target instanceof Node && box.current?.contains(event.target);
      if (own && (event.key === "Delete" || event.key === "Backspace")) event.stopPropagation();
    };
    document.addEventListener("keydown", keep);
    return () => document.removeEventListener("keydown", keep);
  }, [box]);
}

function Chosen({ doc, selection, catalog, onChange }: Props) {
  const set = (path: Path, value: unknown, what: string) => onChange(withValue(doc, path, value), what);
  if (selection.kind === "node") {
    const index = doc.nodes.findIndex((node) => node.id === selection.id);
    const node = doc.nodes[index];
    if (node) {
      return (
        <>
          <header className="px-4 pt-4 pb-1">
            <h2 className="truncate text-[15px] font-semibold">{typeof node.name === "string" && node.name !== "" ? node.name : node.id}</h2>
            <p className="truncate text-xs text-ink-3">
              {titleOfType(catalog, node.type)} · <span className="font-mono">{node.id}</span>
            </p>
          </header>
          <NodeForm
            key={index}
            node={node}
            index={index}
            set={(path, value, what) => set(path, value, `${what} of ${node.id}`)}
            onRename={(id) => onChange(withNodeRenamed(doc, node.id, id, catalog.nodeTypes), `Rename ${node.id}`)}
          />
        </>
      );
    }
  }
  if (selection.kind === "edge") {
    const edge = doc.edges[selection.index];
    if (edge) return <EdgeForm key={selection.index} edge={edge} index={selection.index} set={(path, value, what) => set(path, value, `${what} of ${edge.source} → ${edge.target}`)} />;
  }
  if (selection.kind === "many") {
    const nodes = doc.nodes.filter((node) => selection.ids.includes(node.id));
    const all = (key: string, value: unknown, what: string) => onChange({ ...doc, nodes: doc.nodes.map((node) => (selection.ids.includes(node.id) ? withValue(node, [key], value) : node)) }, `${what} of ${nodes.length} nodes`);
    return <ManyForm key={selection.ids.join("\n")} nodes={nodes} set={all} />;
  }
  return <DocumentForm doc={doc} set={set} />;
}
