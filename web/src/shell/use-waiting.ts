import { useInfiniteQuery } from "@tanstack/react-query";
import { approvalsQuery } from "../api/approvals";

/** How many approvals wait, as a badge tells it; nothing where none do. */
export function useWaiting(project: string): string | null {
  const { data } = useInfiniteQuery(approvalsQuery(project));
  const count = data?.pages.reduce((sum, page) => sum + page.items.length, 0) ?? 0;
  if (count === 0) return null;
  return data?.pages.at(-1)?.next_cursor ? `${count}+` : String(count);
}
