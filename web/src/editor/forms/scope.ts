import { createContext, useContext } from "react";
import type { Catalog, GraphDoc, Problem } from "../document";
import type { Numbers, Way } from "../exact";
import type { Reader } from "./reader";

/** What every field of the inspector knows. */
export interface FormScope {
  doc: GraphDoc;
  catalog: Catalog;
  problems: readonly Problem[];
  readOnly: boolean;
  project: string;
  workflow: string | null;
  /** Reads what expressions would, out of a run; for completion. */
  reader: Reader;
  /** How the document's numbers are written. */
  numbers: Numbers;
  /** How the numbers of the next change are written, at a place. */
  remember: (way: Way, found: Numbers) => void;
  /** The turn of the node at which expressions are evaluated; null for the last of each. */
  iteration: number | null;
  /** The run against which expressions are evaluated. */
  run: string | null;
}

export const FormContext = createContext<FormScope | null>(null);

export function useForm(): FormScope {
  const scope = useContext(FormContext);
  if (!scope) throw new Error("A field is inside of an inspector only.");
  return scope;
}

/** Where the expressions of a part of the inspector stand. */
export interface Standing {
  node: string | null;
  /** They see the node's own output: writes, and the conditions of its edges. */
  after: boolean;
  /** They are those of a map's inner node. */
  inMap: boolean;
}

export const StandingContext = createContext<Standing>({ node: null, after: false, inMap: false });

/** The problems at a place, by its pointer; `below` adds those of places inside of it. */
export function problemsAt(problems: readonly Problem[], pointer: string, below: boolean): string[] {
  return problems.filter((one) => one.pointer === pointer || (below && one.pointer.startsWith(`${pointer}/`))).map((one) => one.message);
}
