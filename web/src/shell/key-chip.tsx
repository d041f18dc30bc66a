import { apiKey } from "../api/key";
import { useMay } from "../api/me";
import { Icon } from "../ui/icons";

/** As whom one is here, on a server that asks for keys; a click changes the key. */
export function KeyChip() {
  const { me } = useMay();
  if (!me || (me.open && apiKey.get() === null)) return null;
  return (
    <button type="button" onClick={() => apiKey.change(true)} title="Use another API key" className="flex max-w-full items-center gap-2 rounded-lg px-2 py-1 text-xs text-ink-2 hover:bg-hover hover:text-ink">
      <Icon name="key" size={13} className="text-ink-3" />
      <span className="truncate">{me.name}</span>
      <span className="rounded-md border border-line px-1.5 text-ink-3">{me.project_id === null ? "server admin" : me.role}</span>
    </button>
  );
}
