const SLOT = "graphwright.key";

type Listener = () => void;

let wanted = false;
let changing = false;
const listeners = new Set<Listener>();

function tell(): void {
  for (const listener of listeners) listener();
}

/** The API key of this browser, and whether the server has asked for one. */
export const apiKey = {
  get: (): string | null => localStorage.getItem(SLOT),
  set(key: string): void {
    localStorage.setItem(SLOT, key);
    wanted = changing = false;
    tell();
  },
  forget(): void {
    localStorage.removeItem(SLOT);
    changing = false;
    tell();
  },
  /** The server has refused a request that went with this key, or with none; of a key that is no longer ours it means nothing. */
  refused(key: string | null): void {
    if (wanted || key !== apiKey.get()) return;
    wanted = true;
    tell();
  },
  /** A person wants to use another key; the server goes on with this one until then. */
  change(open: boolean): void {
    changing = open;
    tell();
  },
  isChanging: (): boolean => changing,
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
