import type { ButtonHTMLAttributes } from "react";
import { useWhyNot } from "../api/me";
import type { Role } from "../api/types";
import { Icon, type IconName } from "./icons";

const KINDS = {
  primary: "bg-accent text-accent-ink shadow-card hover:brightness-110",
  plain: "border border-line-strong bg-surface text-ink shadow-card hover:bg-hover",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink",
  danger: "border border-line-strong bg-surface text-failed shadow-card hover:bg-failed-soft hover:border-failed",
} as const;

/** How a link looks that stands among buttons. */
export const linkLook = (kind: keyof typeof KINDS = "plain") =>
  `inline-flex h-8 shrink-0 items-center gap-1.5 rounded-lg px-3 text-[13px] font-medium whitespace-nowrap transition-colors ${KINDS[kind]}`;

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: keyof typeof KINDS;
  icon?: IconName;
  busy?: boolean;
}

/** A button; of what needs a role it is off for others, and says so. */
export function Button({ needs, ...props }: Props & { needs?: Role }) {
  return needs ? <Guarded needs={needs} {...props} /> : <Plain {...props} />;
}

function Guarded({ needs, ...props }: Props & { needs: Role }) {
  const why = useWhyNot(needs);
  return <Plain {...props} {...(why ? { disabled: true, title: why } : {})} />;
}

function Plain({ kind = "plain", icon, busy = false, className = "", children, disabled, ...rest }: Props) {
  const square = children ? "px-3" : "w-8 justify-center";
  return (
    <button
      type="button"
      disabled={disabled || busy}
      aria-busy={busy}
      className={`inline-flex h-8 shrink-0 items-center gap-1.5 rounded-lg text-[13px] font-medium whitespace-nowrap transition-colors disabled:opacity-55 ${square} ${KINDS[kind]} ${className}`}
      {...rest}
    >
      {busy ? <Spinner /> : icon && <Icon name={icon} size={15} />}
      {children}
    </button>
  );
}

export function Spinner({ size = 14 }: { size?: number }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} className="turning shrink-0" aria-hidden>
      <path d="M8 2.2a5.8 5.8 0 1 1-5.8 5.8" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
