import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icons";

export interface Choice {
  key: string;
  title: string;
  detail: string;
  icon: ReactNode;
}

interface Props<T extends Choice> {
  title: string;
  label: string;
  find: (search: string) => readonly T[];
  onPick: (choice: T) => void;
  onClose: () => void;
  empty: string;
}

/** One of many, by its name: type, go up and down, Enter. */
export function Picker<T extends Choice>({ title, label, find, onPick, onClose, empty }: Props<T>) {
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const choices = find(search);
  const chosen = choices[Math.min(at, choices.length - 1)];
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setAt((before) => Math.max(0, Math.min(choices.length - 1, before + step)));
    else if (event.key === "Enter" && chosen) onPick(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title}>
      <div className="flex w-full items-center gap-2 rounded-lg border border-line-strong bg-surface px-3 shadow-card focus-within:border-accent">
        <Icon name="search" size={14} className="text-ink-3" />
        <input
          // What the dialog is for.
          // eslint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          role="combobox"
          aria-label={label}
          aria-expanded
          aria-controls={id}
          aria-activedescendant={chosen ? `${id}-${chosen.key}` : undefined}
          placeholder={label}
          value={search}
          onChange={(event) => {
            setSearch(event.target.value);
            setAt(0);
          }}
          onKeyDown={press}
          className="h-9 w-full bg-transparent outline-none placeholder:text-ink-3"
        />
      </div>
      <ul ref={list} id={id} role="listbox" aria-label={label} className="mt-2 -mb-2 max-h-[52vh] overflow-y-auto">
        {choices.length === 0 && <li className="px-3 py-6 text-center text-ink-3">{empty}</li>}
        {choices.map((choice) => (
          // The field above has the keyboard.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={choice.key}
            id={`${id}-${choice.key}`}
            role="option"
            aria-selected={choice === chosen}
            onClick={() => onPick(choice)}
            className="flex cursor-pointer items-center gap-3 rounded-lg px-2.5 py-1.5 hover:bg-hover aria-selected:bg-accent-soft"
          >
            {choice.icon}
            <span className="min-w-0">
              <span className="block truncate font-medium">{choice.title}</span>
              <span className="block truncate text-xs text-ink-3">{choice.detail}</span>
            </span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
