import { useEffect, useState } from "react";
import { Button } from "./button";

export function CopyButton({ text, label, children }: { text: () => string; label: string; children?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => copyText(text()).then(() => setDone(true));
  return (
    <Button kind={children ? "plain" : "quiet"} icon={done ? "check" : "copy"} {...(children ? {} : { "aria-label": done ? "Copied" : label })} title={label} onClick={copy}>
      {children && (done ? "Copied" : children)}
    </Button>
  );
}

/** The clipboard of the browser needs a secure context; on a plain http address a selection has to do. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
