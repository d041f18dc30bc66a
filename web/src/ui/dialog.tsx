import * as Radix from "@radix-ui/react-dialog";
import { type ReactNode, useRef } from "react";
import { Button } from "./button";

const FIELDS = ":is(input, select, textarea):not(:disabled)";

interface Props {
  open: boolean;
  /** Without it the dialog cannot be closed from inside. */
  onOpenChange?: (open: boolean) => void;
  title: string;
  description?: string;
  wide?: boolean;
  children: ReactNode;
}

export function Dialog({ open, onOpenChange, title, description, wide = false, children }: Props) {
  const before = useRef<HTMLElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const begin = (event: Event) => {
    if (document.activeElement instanceof HTMLElement) before.current = document.activeElement;
    // Where one would begin to type; on a phone that would open the keyboard over the dialog.
    const first = matchMedia("(pointer: fine)").matches ? body.current?.querySelector<HTMLElement>(FIELDS) : null;
    if (!first) return;
    event.preventDefault();
    first.focus();
  };
  const giveBack = (event: Event) => {
    event.preventDefault();
    before.current?.focus();
  };
  return (
    <Radix.Root open={open} {...(onOpenChange ? { onOpenChange } : {})}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/35 backdrop-blur-[2px]" />
        <Radix.Content
          onOpenAutoFocus={begin}
          onCloseAutoFocus={giveBack}
          {...(description ? {} : { "aria-describedby": undefined })}
          className={`appearing fixed inset-x-3 top-[8vh] z-50 mx-auto flex max-h-[84vh] ${wide ? "w-fit max-w-7xl" : "max-w-xl"} flex-col overflow-hidden rounded-2xl border border-line bg-raised shadow-pop`}
        >
          <header className="flex items-start gap-4 px-6 pt-5 pb-1">
            <div className="grow">
              <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
              {description && <Radix.Description className="mt-0.5 text-ink-2">{description}</Radix.Description>}
            </div>
            {onOpenChange && (
              <Radix.Close asChild>
                <Button kind="quiet" icon="close" aria-label="Close" className="-mt-1 -mr-2" />
              </Radix.Close>
            )}
          </header>
          <div ref={body} className="overflow-y-auto px-6 pt-3 pb-6">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
