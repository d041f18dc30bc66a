import * as Radix from "@radix-ui/react-tabs";
import type { ReactNode } from "react";

interface Tab {
  id: string;
  title: string;
  problems: number;
}

interface Props {
  tabs: Tab[];
  chosen: string;
  onChoose: (tab: string) => void;
  children: ReactNode;
}

export function Tabs({ tabs, chosen, onChoose, children }: Props) {
  return (
    <Radix.Root value={chosen} onValueChange={onChoose}>
      <Radix.List className="sticky top-0 z-10 flex gap-4 border-b border-line bg-surface px-4" aria-label="Parts of the form">
        {tabs.map(({ id, title, problems }) => (
          <Radix.Trigger
            key={id}
            value={id}
            className="-mb-px flex items-center gap-1.5 border-b-2 border-transparent py-2 font-medium text-ink-2 hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {title}
            {problems > 0 && (
              <span className="grid min-w-4 place-items-center rounded-full bg-failed-soft px-1 text-[10.5px] font-semibold text-failed" aria-label={`${problems} problems`}>
                {problems}
              </span>
            )}
          </Radix.Trigger>
        ))}
      </Radix.List>
      <Radix.Content value={chosen} className="p-4" tabIndex={-1}>
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}
