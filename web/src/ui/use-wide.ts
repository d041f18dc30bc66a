import { useSyncExternalStore } from "react";

const query = () => matchMedia("(min-width: 48rem)");

function subscribe(listener: () => void): () => void {
  const wide = query();
  wide.addEventListener("change", listener);
  return () => wide.removeEventListener("change", listener);
}

/** Whether there is room for two columns, as the styles with `md:` see it. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => query().matches);
}
