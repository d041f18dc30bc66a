import { useWhyNot } from "../api/me";
import type { Role } from "../api/types";

interface Props {
  on: boolean;
  label: string;
  disabled?: boolean;
  /** The role without which it cannot be turned. */
  needs: Role;
  title?: string | undefined;
  onChange: (on: boolean) => void;
}

export function Switch({ on, label, disabled = false, needs, title, onChange }: Props) {
  const why = useWhyNot(needs);
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      aria-label={label}
      title={why ?? title}
      disabled={disabled || why !== undefined}
      onClick={() => onChange(!on)}
      className={`relative h-5 w-9 shrink-0 rounded-full border transition-colors disabled:opacity-55 ${on ? "border-transparent bg-accent" : "border-line-strong bg-hover"}`}
    >
      <span className={`absolute top-1/2 size-3.5 -translate-y-1/2 rounded-full shadow-card transition-[left] ${on ? "left-[18px] bg-accent-ink" : "left-[2px] bg-ink-3"}`} />
    </button>
  );
}
