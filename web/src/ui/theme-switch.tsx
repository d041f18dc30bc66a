import { useSyncExternalStore } from "react";
import { Icon, type IconName } from "./icons";
import { type Theme, theme } from "./theme";

const CHOICES: { value: Theme; icon: IconName; label: string }[] = [
  { value: "light", icon: "sun", label: "Light" },
  { value: "dark", icon: "moon", label: "Dark" },
  { value: "system", icon: "system", label: "As the system" },
];

export function ThemeSwitch() {
  const current = useSyncExternalStore(theme.subscribe, theme.get);
  return (
    <div role="radiogroup" aria-label="Colours" className="inline-flex rounded-lg bg-hover p-0.5">
      {CHOICES.map(({ value, icon, label }) => (
        <button
          key={value}
          type="button"
          role="radio"
          aria-checked={current === value}
          aria-label={label}
          title={label}
          onClick={() => theme.set(value)}
          className={`grid size-6.5 place-items-center rounded-md ${current === value ? "bg-surface text-ink shadow-card" : "text-ink-3 hover:text-ink"}`}
        >
          <Icon name={icon} size={14} />
        </button>
      ))}
    </div>
  );
}
