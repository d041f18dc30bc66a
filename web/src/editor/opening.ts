import { warmUp } from "../graph/engine";
import type { Written } from "./changes";
import { EMPTY_DOC } from "./document";
import { draftScope, kept, type KeptDraft, type Shelf, tabName } from "./drafts";
import { NO_NUMBERS, parseExact } from "./exact";
import { readDocument } from "./reading";
import { fetchStored, fetchVersion, type Stored } from "./server";

/** What an editor begins with. */
export interface Opening {
  written: Written;
  base: Stored | null;
  name: string;
  pane: string | null;
  /** When the unsaved changes were made that are open again. */
  reopened: number | null;
  /** The newest version, if it is newer than what the unsaved changes are based on. */
  newer: number | null;
  slot: string;
  /** Unsaved changes from other tabs or of earlier visits. */
  others: KeptDraft[];
}

export async function openWorkflow(project: string, workflow: string, shelf: Shelf, fresh: () => string, signal?: AbortSignal): Promise<Opening> {
  warmUp();
  const newest = await fetchStored(project, workflow, signal);
  const { slot, own, others } = draftsOf(project, workflow, shelf, fresh);
  const written = own && writtenIn(own);
  if (!own || !written) return { written: newest, base: newest, name: newest.name, pane: null, reopened: null, newer: null, slot, others };
  const base = await baseOf(own, newest, project, workflow, signal);
  const newer = base.version === newest.version ? null : newest.version;
  return { written, base, name: newest.name, pane: own.pane, reopened: own.at, newer, slot, others };
}

/** What a draft is based on; its ETag is the one that it began with, so that a save finds out what came between. */
export async function baseOf(draft: KeptDraft, newest: Stored, project: string, workflow: string, signal?: AbortSignal): Promise<Stored> {
  if (!draft.base || draft.base.version === newest.version) return newest;
  const graph = await fetchVersion(project, workflow, draft.base.version, signal);
  return { ...newest, ...graph, version: draft.base.version, etag: draft.base.etag };
}

export function openNew(project: string, shelf: Shelf, fresh: () => string): Opening {
  const { slot, own, others } = draftsOf(project, null, shelf, fresh);
  const written = (own && writtenIn(own)) ?? { doc: EMPTY_DOC, numbers: NO_NUMBERS };
  return { written, base: null, name: own?.name ?? "", pane: own?.pane ?? null, reopened: own?.at ?? null, newer: null, slot, others };
}

/** The graph of a draft, null where it is none. */
export function writtenIn(draft: KeptDraft): Written | null {
  const { value, numbers } = parseExact(draft.graph);
  const read = readDocument(value);
  return read.ok ? { doc: read.doc, numbers } : null;
}

function draftsOf(project: string, workflow: string | null, shelf: Shelf, fresh: () => string) {
  const scope = draftScope(project, workflow);
  const slot = scope + tabName(fresh);
  const drafts = kept(shelf, scope);
  return { slot, own: drafts.find((draft) => draft.slot === slot) ?? null, others: drafts.filter((draft) => draft.slot !== slot) };
}

/** One version to look at; its base is the newest. */
export async function openVersion(project: string, workflow: string, version: number, signal?: AbortSignal): Promise<Opening> {
  const [base, written] = await Promise.all([fetchStored(project, workflow, signal), fetchVersion(project, workflow, version, signal)]);
  return { written, base, name: base.name, pane: null, reopened: null, newer: null, slot: "", others: [] };
}

/** The newest version to look at, whatever this browser keeps that was not saved. */
export async function openToLook(project: string, workflow: string, signal?: AbortSignal): Promise<Opening> {
  const base = await fetchStored(project, workflow, signal);
  return { written: base, base, name: base.name, pane: null, reopened: null, newer: null, slot: "", others: [] };
}
