export const PARTS = ["graph", "versions", "schedules", "triggers", "hooks"] as const;
export type Part = (typeof PARTS)[number];

export interface WorkflowSearch {
  part?: Part;
  /** Two versions that are compared. */
  from?: number;
  to?: number;
}

/** What of the page the address names. */
export function workflowSearch(search: Record<string, unknown>): WorkflowSearch {
  const part = PARTS.find((known) => known === search.part);
  const [from, to] = [version(search.from), version(search.to)];
  return { ...(part ? { part } : {}), ...(from && to ? { from, to } : {}) };
}

function version(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
