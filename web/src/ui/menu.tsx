import { cloneElement, type ComponentProps, type KeyboardEvent, type PointerEvent, type ReactElement, type ReactNode, useCallback, useId, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { useWhyNot } from "../api/me";
import type { Role } from "../api/types";
import { Icon, type IconName } from "./icons";
import { type Align, focusItem, itemAt, step, usePlace } from "./menu-focus";

interface Props {
  /** The button that opens it. */
  trigger: ReactElement<ComponentProps<"button">>;
  align?: Align;
  children: ReactNode;
}

/** A button with a list of deeds and links. It takes the focus, and gives it back to the button. */
export function Menu({ trigger, align = "end", children }: Props) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = useCallback((back: boolean) => {
    // Before what the deed opens takes the focus, which then comes back here.
    if (back) button.current?.focus();
    setOpen(false);
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    setOpen(true);
  };
  return (
    <>
      {cloneElement(trigger, { ref: button, id, "aria-haspopup": "menu", "aria-expanded": open, onClick: () => setOpen(!open), onKeyDown })}
      {open &&
        createPortal(
          <List button={button} label={id} align={align} onClose={close}>
            {children}
          </List>,
          document.body,
        )}
    </>
  );
}

interface ListProps {
  button: { readonly current: HTMLButtonElement | null };
  label: string;
  align: Align;
  onClose: (back: boolean) => void;
  children: ReactNode;
}

function List({ button, label, align, onClose, children }: ListProps) {
  const list = useRef<HTMLDivElement>(null);
  usePlace(list, button, align, onClose);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.key === "Tab") return onClose(true);
    if (event.key !== "Escape" && !step(event.currentTarget, event.key)) return;
    // The page behind has keys of its own.
    event.stopPropagation();
    event.preventDefault();
    if (event.key === "Escape") onClose(true);
  };
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => focusItem(itemAt(event.target));
  return (
    <div
      ref={list}
      role="menu"
      aria-labelledby={label}
      tabIndex={-1}
      onKeyDown={onKeyDown}
      onPointerMove={onPointerMove}
      onClick={(event) => itemAt(event.target)?.ariaDisabled === "false" && onClose(true)}
      className="appearing fixed z-50 min-w-44 max-w-80 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-pop"
    >
      {children}
    </div>
  );
}

const ITEM = "flex w-full cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-1.5 text-left -outline-offset-2 focus:bg-hover aria-disabled:cursor-default aria-disabled:opacity-50";

interface ItemProps {
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  title?: string | undefined;
  onSelect: () => void;
  children: ReactNode;
}

/** A deed; of what needs a role it is off for others, and says so. */
export function MenuItem({ needs, ...props }: ItemProps & { needs?: Role }) {
  return needs ? <GuardedItem needs={needs} {...props} /> : <PlainItem {...props} />;
}

function GuardedItem({ needs, ...props }: ItemProps & { needs: Role }) {
  const why = useWhyNot(needs);
  return <PlainItem {...props} {...(why ? { disabled: true, title: why } : {})} />;
}

function PlainItem({ icon, danger = false, disabled = false, title, onSelect, children }: ItemProps) {
  return (
    <button type="button" role="menuitem" tabIndex={-1} aria-disabled={disabled} title={title} onClick={disabled ? undefined : onSelect} className={`${ITEM} ${danger ? "text-failed" : ""}`}>
      {icon && <Icon name={icon} size={15} className={danger ? "" : "text-ink-3"} />}
      {children}
    </button>
  );
}

/** A link in a menu; the child is the link itself. */
export function MenuLink({ children }: { children: ReactElement<ComponentProps<"a">> }) {
  return cloneElement(children, { role: "menuitem", tabIndex: -1, "aria-disabled": false, className: ITEM });
}

export function MenuLine() {
  return <div role="separator" className="my-1 h-px bg-line" />;
}
