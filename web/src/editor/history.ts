/** What was, what is, and what was undone. */
export interface History<T> {
  past: readonly Entry<T>[];
  present: Entry<T>;
  future: readonly Entry<T>[];
}

interface Entry<T> {
  state: T;
  /** What led here, in the words of the menu. */
  what: string;
  /** Changes of one kind that follow on one another quickly are one step. */
  key: string | null;
  at: number;
}

export const MOST_STEPS = 300;
export const TOGETHER_MS = 1_200;

export function begin<T>(state: T): History<T> {
  return { past: [], present: { state, what: "", key: null, at: 0 }, future: [] };
}

export function push<T>(history: History<T>, state: T, what: string, key: string | null, at: number): History<T> {
  const { past, present } = history;
  const together = key !== null && key === present.key && at - present.at < TOGETHER_MS && history.future.length === 0 && past.length > 0;
  if (together) return { past, present: { state, what, key, at }, future: [] };
  return { past: [...past.slice(-MOST_STEPS + 1), present], present: { state, what, key, at }, future: [] };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (!before) return history;
  return { past: history.past.slice(0, -1), present: before, future: [history.present, ...history.future] };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (!next) return history;
  return { past: [...history.past, history.present], present: next, future };
}

/** Ends the step under way: what comes next is a step of its own. */
export function settle<T>(history: History<T>): History<T> {
  return { ...history, present: { ...history.present, key: null } };
}
