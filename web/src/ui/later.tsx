import { lazyRouteComponent } from "@tanstack/react-router";
import { type ReactNode, Suspense } from "react";
import { Spinner } from "./button";

/** A component that is loaded when it is shown for the first time, or when its `preload` is called; put it into `Later`. */
export const later = lazyRouteComponent;

/** Where something is shown that may have to be loaded first. */
export function Later({ children, instead = <Loading /> }: { children: ReactNode; instead?: ReactNode }) {
  return <Suspense fallback={instead}>{children}</Suspense>;
}

function Loading() {
  return (
    <span role="status" aria-label="Loading" className="late grid place-items-center p-4 text-ink-3">
      <Spinner />
    </span>
  );
}
