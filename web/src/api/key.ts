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
  /** The server has refused a request that went with this key, or with none; of a key that is no longer ours it means nothing. */
  refused(key: string | null): void {
    if (wanted || key !== apiKey.get()) return;
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
