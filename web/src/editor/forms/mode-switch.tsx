import type { Mode } from "./values";

const NAMES: Record<Mode, { text: string; title: string }> = {
  form: { text: "Field", title: "As a field" },
  template: { text: "{{ }}", title: "As a template" },
  json: { text: "JSON", title: "As JSON" },
};

interface Props {
  modes: Mode[];
  mode: Mode;
  may: (mode: Mode) => boolean;
  onTurn: (mode: Mode) => void;
  /** The title of the field. */
  of: string;
}

/** How the value of a field is written; quiet until one looks for it. */
export function ModeSwitch({ modes, mode, may, onTurn, of }: Props) {
  if (modes.length < 2) return null;
  return (
    <span role="group" aria-label={`How to write ${of}`} className={`flex rounded-md text-ink-3 transition-opacity ${mode === modes[0] ? "opacity-0 group-focus-within/row:opacity-100 group-hover/row:opacity-100 pointer-coarse:opacity-100" : ""}`}>
      {modes.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={one === mode}
          disabled={one !== mode && !may(one)}
          title={NAMES[one].title}
          onClick={() => onTurn(one)}
          className="whitespace-nowrap rounded px-1.5 py-px font-mono text-[10.5px] leading-4 hover:text-ink disabled:opacity-40 aria-pressed:bg-hover aria-pressed:font-semibold aria-pressed:text-ink-2"
        >
          {NAMES[one].text}
        </button>
      ))}
    </span>
  );
}
