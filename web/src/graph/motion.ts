import { useOnViewportChange, useStoreApi, type Viewport } from "@xyflow/react";
import { useCallback, useEffect } from "react";

/** Below this nobody reads the words on nodes, so only their colours are drawn. */
export const FAR_ZOOM = 0.35;

/**
 * Tells the styles of a graph when it moves and when it is seen from afar, without a render: what moves is moved as one
 * picture, and what is far has no words in it.
 */
export function Motion(): null {
  const store = useStoreApi();
  const mark = useCallback(
    (name: "moving" | "far", on: boolean) => {
      const { dataset } = store.getState().domNode ?? {};
      if (!dataset) return;
      if (on) dataset[name] = "";
      else delete dataset[name];
    },
    [store],
  );
  const look = useCallback(({ zoom }: Viewport) => mark("far", zoom < FAR_ZOOM), [mark]);
  useEffect(() => mark("far", store.getState().transform[2] < FAR_ZOOM), [mark, store]);
  useOnViewportChange({
    onStart: useCallback(() => mark("moving", true), [mark]),
    onChange: look,
    onEnd: useCallback(
      (viewport: Viewport) => {
        mark("moving", false);
        look(viewport);
      },
      [mark, look],
    ),
  });
  return null;
}
