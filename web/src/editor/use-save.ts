import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { ApiError, freshKey } from "../api/client";
import { keys } from "../api/queries";
import { sameGraph, type Written } from "./changes";
import { fetchStored, postWorkflow, putGraph, type Stored } from "./server";
import type { EditorStore } from "./store";

const CHANGED_MEANWHILE = 412;

/** Somebody else has saved a version since this one was opened. */
export class Conflict extends Error {
  constructor(readonly theirs: Stored) {
    super(`Version ${theirs.version} was saved meanwhile.`);
  }
}

interface Wanted {
  name: string;
  /** Save although somebody else has saved this version. */
  over?: Stored;
}

export function useSave(store: EditorStore, project: string) {
  const client = useQueryClient();
  // One key for one intent: pressing again after a lost answer makes no second workflow.
  const intent = useRef<{ written: Written; name: string; key: string } | null>(null);
  return useMutation({
    mutationFn: async ({ name, over }: Wanted): Promise<Stored> => {
      const sent = store.written;
      const base = over ?? store.get().base;
      if (!base && (intent.current?.written !== sent || intent.current.name !== name)) intent.current = { written: sent, name, key: freshKey() };
      const stored = base ? await putOn(base, sent, project) : await postWorkflow(project, name, sent, intent.current!.key);
      store.saved(sent, stored);
      return stored;
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.workflows(project) }),
  });
}

async function putOn(base: Stored, sent: Written, project: string): Promise<Stored> {
  try {
    return await putGraph(project, base.id, sent, base.etag);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== CHANGED_MEANWHILE) throw error;
    const theirs = await fetchStored(project, base.id);
    // Its name may have changed and the like; the graph has not.
    if (theirs.version === base.version && sameGraph(theirs, base)) return putGraph(project, base.id, sent, theirs.etag);
    throw new Conflict(theirs);
  }
}
