const SLOT = "graphwright.key";

type Listener = () => void;

let wanted = false;
const listeners = new Set<Listener>();

function tell(): void {
  for (const listener of listeners) listener();
}

/** The API key of this browser, and whether the server has asked for one. */
export const apiKey = {
  get: (): string | null => localStorage.getItem(SLOT),
  set(key: string): void {
    localStorage.setItem(SLOT, key);
    wanted = false;
    tell();
  },
  forget(): void {
    localStorage.removeItem(SLOT);
    tell();
  },
  ask(): void {
    if (wanted) return;
    wanted = true;
    tell();
  },
  isWanted: (): boolean => wanted,
  subscribe(listener: Listener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

export function authorization(): Record<string, string> {
  const key = apiKey.get();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
