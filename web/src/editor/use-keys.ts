import { useEffect } from "react";

/** By what is pressed: letters as they are, with Mod- for Ctrl or ⌘, Alt- and Shift- before them. */
export type Keys = Readonly<Record<string, () => void>>;

const EVERYWHERE: ReadonlySet<string> = new Set(["Mod-s"]);

/** Keys of the whole page; where people write, only those that mean nothing there. */
export function useKeys(keys: Keys): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const name = nameOf(event);
      const act = keys[name];
      if (!act || event.defaultPrevented || inDialog()) return;
      if (isWriting(event.target) && !EVERYWHERE.has(name)) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [keys]);
}

function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): string {
  const letter = key.length === 1 ? key.toLowerCase() : key;
  const shift = shiftKey && (key.length > 1 || letter !== key || ctrlKey || metaKey);
  return `${ctrlKey || metaKey ? "Mod-" : ""}${altKey ? "Alt-" : ""}${shift ? "Shift-" : ""}${letter}`;
}

export function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

function inDialog(): boolean {
  return document.querySelector("[role=dialog], [role=menu]") !== null;
}

interface Clipboard {
  /** The text of what is selected; null when nothing is. */
  copy: () => string | null;
  /** After a cut. */
  remove: () => unknown;
  paste: (text: string) => unknown;
}

/** The clipboard of the system: it works between tabs and with any text, and asks for no permission. */
export function useClipboard({ copy, remove, paste }: Clipboard): void {
  useEffect(() => {
    const ours = (event: ClipboardEvent) => !isWriting(event.target) && !inDialog();
    const take = (event: ClipboardEvent) => {
      if (!ours(event) || getSelection()?.isCollapsed === false) return;
      const text = copy();
      if (text === null) return;
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
      if (event.type === "cut") remove();
    };
    const put = (event: ClipboardEvent) => {
      const text = ours(event) ? event.clipboardData?.getData("text/plain") : undefined;
      if (!text) return;
      event.preventDefault();
      paste(text);
    };
    document.addEventListener("copy", take);
    document.addEventListener("cut", take);
    document.addEventListener("paste", put);
    return () => {
      document.removeEventListener("copy", take);
      document.removeEventListener("cut", take);
      document.removeEventListener("paste", put);
    };
  }, [copy, remove, paste]);
}
