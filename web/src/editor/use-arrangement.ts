import { useEffect } from "react";
import { arrange } from "./arrange";
import { homelessCount } from "./places";
import { useEditor, useEditorScope } from "./use-editor";

/** From so many nodes without a place on, the layout finds them places; fewer go beside their neighbours. */
const MANY = 3;

/** Lays out what has no place; false as long as nothing can be drawn yet. */
export function useArrangement(): boolean {
  const { store } = useEditorScope();
  const doc = useEditor((_, known) => known.doc);
  const laid = useEditor((state) => state.laid);
  const homeless = homelessCount(doc, laid.places);
  const needed = homeless >= MANY || (homeless > 0 && homeless === doc.nodes.length);
  useEffect(() => {
    if (!needed) return;
    let over = false;
    arrange(doc).then(
      // What stands somewhere already stays there.
      (found) => !over && store.set({ laid: { ...found, places: new Map([...found.places, ...store.get().laid.places]) } }),
      // Without the layout they stand in rows, which is still a graph that can be worked on.
      () => !over && store.set({ laid: { places: new Map(doc.nodes.map((node, index) => [node.id, { x: (index % 8) * 280, y: Math.floor(index / 8) * 96 }])), routes: new Map() } }),
    );
    return () => {
      over = true;
    };
  }, [needed, doc, store]);
  return !needed;
}
