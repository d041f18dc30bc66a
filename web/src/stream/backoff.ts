const FIRST_MS = 500;

/** How long to wait before the next attempt, by how many have failed; spread, so that not all come back at once. */
export function backoff(fails: number, longestMs: number, firstMs = FIRST_MS): number {
  const most = Math.min(firstMs * 2 ** Math.max(0, fails - 1), longestMs);
  return most * (0.75 + Math.random() / 4);
}
