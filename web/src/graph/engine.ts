import type ElkConstructor from "elkjs/lib/elk-api";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";

type Engine = InstanceType<typeof ElkConstructor>;

let engine: Promise<Engine> | null = null;

/** The layout engine, in a worker of its own; fetched once, and again only after that has failed. */
export function layoutEngine(): Promise<Engine> {
  engine ??= import("elkjs/lib/elk-api.js")
    .then(({ default: Elk }) => new Elk({ workerUrl }))
    .catch((error: unknown) => {
      engine = null;
      throw error;
    });
  return engine;
}

/** Fetches the engine beside the graph that it will be needed for. */
export function warmUp(): void {
  layoutEngine().catch(() => undefined);
}
