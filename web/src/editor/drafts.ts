/** What has not been saved, as this browser keeps it: one per workflow and tab. */
export interface Draft {
  /** The graph as JSON text. */
  graph: string;
  /** Of a new workflow. */
  name: string;
  /** Text of the JSON pane that cannot be read yet. */
  pane: string | null;
  /** What the changes are based on; null for a new workflow. */
  base: { version: number; etag: string } | null;
  at: number;
}

export interface KeptDraft extends Draft {
  slot: string;
}

export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const PREFIX = "graphwright.draft:";

/** Of what an editor is: a workflow, or a new one of a project. */
export function draftScope(project: string, workflow: string | null): string {
  return `${PREFIX}${project}:${workflow ?? "new"}:`;
}

/** False when the browser has no room for it. */
export function keep(shelf: Shelf, slot: string, draft: Draft): boolean {
  try {
    shelf.setItem(slot, JSON.stringify(draft));
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

/** The drafts of a scope, newest first. */
export function kept(shelf: Shelf, scope: string): KeptDraft[] {
  const found: KeptDraft[] = [];
  for (let index = 0; index < shelf.length; index++) {
    const slot = shelf.key(index);
    const draft = slot?.startsWith(scope) ? parsed(shelf.getItem(slot)) : null;
    if (slot && draft) found.push({ ...draft, slot });
  }
  return found.sort((one, other) => other.at - one.at);
}

function parsed(text: string | null): Draft | null {
  try {
    const draft = JSON.parse(text ?? "null") as Draft | null;
    return typeof draft?.graph === "string" && typeof draft.at === "number" ? draft : null;
  } catch {
    return null;
  }
}

const TAB_SLOT = "graphwright.tab";

/** A name for this tab that outlives a reload. */
export function tabName(fresh: () => string): string {
  const before = sessionStorage.getItem(TAB_SLOT);
  if (before) return before;
  const name = fresh();
  sessionStorage.setItem(TAB_SLOT, name);
  return name;
}
