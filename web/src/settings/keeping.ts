import type { Project } from "../api/types";

export type Kept = Project["keep_runs_days"];

/** How long something is kept, as a form asks it. */
export interface Keeping {
  how: "server" | "forever" | "days";
  days: string;
}

export function keepingOf(kept: Kept): Keeping {
  if (kept === null) return { how: "server", days: "30" };
  return kept === "forever" ? { how: "forever", days: "30" } : { how: "days", days: String(kept) };
}

/** What is sent; undefined where the days are no number that the server takes. */
export function keptOf({ how, days }: Keeping): Kept | undefined {
  if (how !== "days") return how === "forever" ? "forever" : null;
  const number = Number(days);
  return days.trim() !== "" && number >= 0 && number <= 36_500 ? number : undefined;
}

/** A number of runs, or null for any; undefined where it is neither. */
export function mostOf(text: string): number | null | undefined {
  if (text.trim() === "") return null;
  const number = Number(text);
  return Number.isInteger(number) && number >= 1 && number <= 100_000 ? number : undefined;
}
