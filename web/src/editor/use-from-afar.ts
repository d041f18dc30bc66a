import { useOnViewportChange, useStore } from "@xyflow/react";
import { useCallback, useState } from "react";

/** From here on the parts are shown also before the graph rests: they can be read. */
const NEAR_ZOOM = 0.6;

/**
 * Whether a large graph is shown as one picture: from afar, and, when somebody comes nearer, until they rest there or can
 * read it. Hundreds of nodes that nobody looks at yet are not made while the graph moves.
 */
export function useFromAfar(far: boolean, large: boolean): boolean {
  const near = useStore((flow) => flow.transform[2] >= NEAR_ZOOM);
  const [resting, rest] = useState(true);
  const [held, hold] = useState(far);
  useOnViewportChange({
    onStart: useCallback(() => large && rest(false), [large]),
    onEnd: useCallback(() => rest(true), []),
  });
  const shown = large && (far || (held && !resting && !near));
  if (shown !== held) hold(shown);
  return shown;
}
