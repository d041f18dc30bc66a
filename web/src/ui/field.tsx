import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";
import { Icon } from "./icons";

export const CONTROL =
  "w-full rounded-lg border border-line-strong bg-surface px-3 text-ink shadow-card placeholder:text-ink-3 aria-invalid:border-failed disabled:opacity-55";

export function Labelled({ label, hint, children }: { label: string; hint?: ReactNode; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block font-medium">
        {label}
      </label>
      {children(id)}
      {hint && <div className="mt-1.5 text-xs text-ink-2">{hint}</div>}
    </div>
  );
}

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: ReactNode;
}

export function Field({ label, hint, ...rest }: FieldProps) {
  return (
    <Labelled label={label} hint={hint}>
      {(id) => <input id={id} className={`${CONTROL} h-9`} {...rest} />}
    </Labelled>
  );
}

export function Select({ className = "", children, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <span className={`relative inline-block ${className}`}>
      <select className={`${CONTROL} h-8 appearance-none truncate pr-8`} {...rest}>
        {children}
      </select>
      <Icon name="down" size={12} className="pointer-events-none absolute top-1/2 right-2.5 -translate-y-1/2 text-ink-3" />
    </span>
  );
}
