import type { Page } from "./types";

/** All of a list that is short by its nature, page by page. */
export async function allPages<T>(read: (cursor: { cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor ? { cursor } : {});
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}
