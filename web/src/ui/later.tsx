import { CatchBoundary, type ErrorComponentProps } from "@tanstack/react-router";
import { type ComponentType, createElement, type ReactNode, Suspense, use } from "react";
import { Spinner } from "./button";
import { ErrorBox } from "./states";

type Lazy<P> = ComponentType<P> & { preload: () => void };

class LoadError extends Error {
  constructor(readonly forget: () => void) {
    super("This part of the page could not be loaded. Is the server there?");
  }
}

/**
 * A component that is loaded when it is shown for the first time, or asked for by `preload`; it is shown in `Later`.
 * While the server is away it cannot be loaded: then it is tried again when asked to, and the page stays.
 */
export function later<Name extends string, P extends object>(load: () => Promise<Record<Name, ComponentType<P>>>, name: Name): Lazy<P> {
  let known: ComponentType<P> | undefined;
  let coming: Promise<void> | undefined;
  const fetch = () =>
    (coming ??= load().then(
      (parts) => void (known = parts[name]),
      () => {
        throw new LoadError(() => (coming = undefined));
      },
    ));
  function Part(props: P) {
    if (!known) use(fetch());
    return known ? createElement(known, props) : null;
  }
  return Object.assign(Part, { preload: () => void fetch().catch(() => (coming = undefined)) });
}

/** Where something is shown that may have to be loaded first. */
export function Later({ children, instead = <Loading /> }: { children: ReactNode; instead?: ReactNode }) {
  return (
    <CatchBoundary getResetKey={() => 0} errorComponent={NotLoaded}>
      <Suspense fallback={instead}>{children}</Suspense>
    </CatchBoundary>
  );
}

function NotLoaded({ error, reset }: ErrorComponentProps) {
  const again = () => {
    if (error instanceof LoadError) error.forget();
    reset();
  };
  return (
    <div className="fixed inset-x-3 bottom-20 z-50 mx-auto max-w-xl rounded-xl bg-raised shadow-pop md:bottom-4">
      <ErrorBox error={error} retry={again} />
    </div>
  );
}

function Loading() {
  return (
    <span role="status" aria-label="Loading" className="late grid place-items-center p-4 text-ink-3">
      <Spinner />
    </span>
  );
}
