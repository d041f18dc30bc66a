import { type RefObject, useEffect, useLayoutEffect } from "react";

export type Align = "start" | "end";

const GAP = 5;
const EDGE = 10;
const MOST = 0.7;

const items = (list: Element) => [...list.querySelectorAll<HTMLElement>("[role=menuitem]")];

export function itemAt(target: EventTarget): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("[role=menuitem]") : null;
}

export function focusItem(item: HTMLElement | null | undefined): void {
  if (item && item !== document.activeElement) item.focus({ preventScroll: true });
}

/** Moves the focus as a key asks for: along the items, to the ends, or to what begins with a letter. Whether it does. */
export function step(list: Element, key: string): boolean {
  const all = items(list);
  const here = all.findIndex((item) => item === document.activeElement);
  const next = target(all, here, key);
  next?.focus();
  return next !== undefined;
}

function target(all: HTMLElement[], here: number, key: string): HTMLElement | undefined {
  if (key === "ArrowDown") return all[(here + 1) % all.length];
  if (key === "ArrowUp") return all.at(here <= 0 ? -1 : here - 1);
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key.length !== 1 || key === " ") return undefined;
  const behind = [...all.slice(here + 1), ...all.slice(0, here + 1)];
  return behind.find((item) => item.textContent.trim().toLowerCase().startsWith(key.toLowerCase()));
}

/** Keeps an open list at its button, whatever scrolls, and closes it when something else is pressed. */
export function usePlace(list: RefObject<HTMLElement | null>, button: { readonly current: HTMLElement | null }, align: Align, onClose: (back: boolean) => void): void {
  useLayoutEffect(() => {
    const put = () => list.current && button.current && place(list.current, button.current, align);
    put();
    addEventListener("scroll", put, true);
    addEventListener("resize", put);
    return () => {
      removeEventListener("scroll", put, true);
      removeEventListener("resize", put);
    };
  }, [list, button, align]);
  useEffect(() => {
    if (list.current) items(list.current)[0]?.focus({ preventScroll: true });
    const outside = ({ target }: Event) => {
      if (target instanceof Node && !list.current?.contains(target) && !button.current?.contains(target)) onClose(false);
    };
    document.addEventListener("pointerdown", outside, true);
    return () => document.removeEventListener("pointerdown", outside, true);
  }, [list, button, onClose]);
}

/** Below the button, or above it where there is more room. */
function place(list: HTMLElement, button: HTMLElement, align: Align): void {
  const at = button.getBoundingClientRect();
  list.style.maxHeight = "";
  const [below, above] = [innerHeight - at.bottom - GAP - EDGE, at.top - GAP - EDGE];
  const under = list.offsetHeight <= below || below >= above;
  list.style.maxHeight = `${Math.min(MOST * innerHeight, under ? below : above)}px`;
  const left = align === "start" ? at.left : at.right - list.offsetWidth;
  list.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - list.offsetWidth - EDGE))}px`;
  list.style.top = `${under ? at.bottom + GAP : at.top - GAP - list.offsetHeight}px`;
}
