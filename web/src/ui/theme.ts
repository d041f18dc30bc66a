export type Theme = "system" | "light" | "dark";

const SLOT = "graphwright.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function chosen(): Theme {
  const stored = localStorage.getItem(SLOT);
  return stored === "light" || stored === "dark" ? stored : "system";
}

function paint(): void {
  const theme = chosen();
  document.documentElement.dataset.theme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
}

export const theme = {
  get: chosen,
  set(next: Theme): void {
    if (next === "system") localStorage.removeItem(SLOT);
    else localStorage.setItem(SLOT, next);
    paint();
    for (const listener of listeners) listener();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  start(): void {
    paint();
    dark.addEventListener("change", paint);
  },
};
