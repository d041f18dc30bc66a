import type ElkConstructor from "elkjs/lib/elk-api";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";

let engine: Promise<InstanceType<typeof ElkConstructor>> | null = null;

/** The layout engine, in a worker of its own; fetched when the first graph is shown. */
export function layoutEngine(): Promise<InstanceType<typeof ElkConstructor>> {
  engine ??= import("elkjs/lib/elk-api.js").then(({ default: Elk }) => new Elk({ workerUrl }));
  return engine;
}
