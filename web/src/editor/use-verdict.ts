import { useEffect } from "react";
import { checkGraph } from "./server";
import { useEditor, useEditorScope } from "./use-editor";

const CALM_MS = 220;
const AGAIN_MS = 4_000;

/** Has the server check the graph after each pause. */
export function useVerdict(): void {
  const { store, project } = useEditorScope();
  const written = useEditor((_, known) => known.written);
  useEffect(() => {
    const over = new AbortController();
    let timer = setTimeout(check, CALM_MS);
    store.set({ checking: "checking" });
    async function check() {
      try {
        store.judge(await checkGraph(project, written, over.signal));
      } catch {
        // Also a server that refuses is asked again: a key may have been given meanwhile.
        if (over.signal.aborted) return;
        store.set({ checking: "unreachable" });
        timer = setTimeout(check, AGAIN_MS);
      }
    }
    return () => {
      over.abort();
      clearTimeout(timer);
    };
  }, [store, project, written]);
}
