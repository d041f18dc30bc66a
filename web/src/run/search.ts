/** What of a run page can be linked to. */
export interface RunSearch {
  node?: string;
  iteration?: number;
  attempt?: number;
  /** The seq of an event. */
  event?: number;
  view?: "timeline";
  /** A dialog that is open, with what is chosen in it. */
  ask?: "retry" | "fork";
  from?: string;
  version?: number;
}

export function runSearch(given: Record<string, unknown>): RunSearch {
  return {
    ...text("node", given.node),
    ...whole("iteration", given.iteration, 0),
    ...whole("attempt", given.attempt, 1),
    ...whole("event", given.event, 1),
    ...(given.view === "timeline" ? { view: given.view } : {}),
    ...(given.ask === "retry" || given.ask === "fork" ? { ask: given.ask } : {}),
    ...text("from", given.from),
    ...whole("version", given.version, 1),
  };
}

/** A value may look like a number in the address bar and still be a name. */
function text<Key extends string>(key: Key, value: unknown): Partial<Record<Key, string>> {
  const given = value !== undefined && value !== null && value !== "";
  return (given ? { [key]: String(value) } : {}) as Partial<Record<Key, string>>;
}

function whole<Key extends string>(key: Key, value: unknown, least: number): Partial<Record<Key, number>> {
  const number = value === undefined || value === "" ? NaN : Number(value);
  return (Number.isInteger(number) && number >= least ? { [key]: number } : {}) as Partial<Record<Key, number>>;
}

/** The same place without the dialog. */
export function withoutAsk(search: RunSearch): RunSearch {
  return without(search, "ask", "from", "version");
}

export function withView(search: RunSearch, view: "graph" | "timeline"): RunSearch {
  return view === "timeline" ? { ...search, view } : without(search, "view");
}

function without(search: RunSearch, ...keys: (keyof RunSearch)[]): RunSearch {
  const dropped: ReadonlySet<string> = new Set(keys);
  return Object.fromEntries(Object.entries(search).filter(([key]) => !dropped.has(key)));
}

/** The same place at another node, or at none; the view stays. */
export function atNode({ view }: RunSearch, node: string | null, more: Pick<RunSearch, "iteration" | "attempt" | "event"> = {}): RunSearch {
  return { ...(view ? { view } : {}), ...(node === null ? {} : { node }), ...more };
}

/** The address of a place on the page that is open. */
export function linkHere(search: RunSearch): string {
  const url = new URL(location.href);
  url.search = "";
  for (const [key, value] of Object.entries(search)) url.searchParams.set(key, String(value));
  return url.href;
}
