import * as Radix from "@radix-ui/react-dropdown-menu";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./icons";

interface Props {
  /** The button that opens it. */
  trigger: ReactNode;
  align?: "start" | "end";
  children: ReactNode;
}

export function Menu({ trigger, align = "end", children }: Props) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align={align} sideOffset={5} collisionPadding={10} className="appearing z-50 max-h-[70vh] min-w-44 max-w-80 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-pop">
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

const ITEM = "flex cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-1.5 outline-none data-highlighted:bg-hover data-disabled:cursor-default data-disabled:opacity-50";

interface ItemProps {
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  title?: string | undefined;
  onSelect: () => void;
  children: ReactNode;
}

export function MenuItem({ icon, danger = false, disabled = false, title, onSelect, children }: ItemProps) {
  return (
    <Radix.Item disabled={disabled} title={title} onSelect={onSelect} className={`${ITEM} ${danger ? "text-failed" : ""}`}>
      {icon && <Icon name={icon} size={15} className={danger ? "" : "text-ink-3"} />}
      {children}
    </Radix.Item>
  );
}

/** A link in a menu; the child is the link itself. */
export function MenuLink({ children }: { children: ReactNode }) {
  return (
    <Radix.Item asChild className={ITEM}>
      {children}
    </Radix.Item>
  );
}

export function MenuLine() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
