import { CopyButton } from "./copy-button";
import { Icon } from "./icons";

/** A secret that the server tells once. */
export function Secret({ secret, label }: { secret: string; label: string }) {
  return (
    <div data-status="WAITING" className="rounded-xl border border-(--st)/35 bg-(--st-soft)/45 p-3.5">
      <p className="flex items-start gap-2 font-medium">
        <Icon name="lock" size={15} className="mt-0.5 text-(--st)" />
        Copy it now: it is shown this once and cannot be read again.
      </p>
      <div className="mt-2.5 flex items-center gap-2">
        <code aria-label={label} className="min-w-0 grow rounded-lg border border-line bg-surface px-2.5 py-1.5 font-mono text-xs break-all select-all">
          {secret}
        </code>
        <CopyButton text={() => secret} label={`Copy ${label}`}>
          Copy
        </CopyButton>
      </div>
    </div>
  );
}
