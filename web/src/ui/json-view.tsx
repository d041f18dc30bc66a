import { useMemo, useState } from "react";
import { Button } from "./button";
import { CopyButton } from "./copy-button";
import { tokens } from "./json-tokens";
import { saveFile } from "./save-file";

const SHOWN_AT_FIRST = 12_000;

interface Props {
  value: unknown;
  label: string;
  fileName?: string;
}

/** A JSON value, coloured; of a large one only the beginning until asked, and the whole as a file. */
export function JsonView({ value, label, fileName = "value.json" }: Props) {
  const [all, setAll] = useState(false);
  const text = useMemo(() => (value === undefined ? "" : JSON.stringify(value, null, 2)), [value]);
  const cut = !all && text.length > SHOWN_AT_FIRST;
  const parts = useMemo(() => tokens(cut ? text.slice(0, SHOWN_AT_FIRST) : text), [cut, text]);
  return (
    <figure className="group relative overflow-hidden rounded-lg border border-line bg-sunken">
      <div className="absolute top-1 right-1 flex rounded-md bg-sunken/90 opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100">
        <CopyButton text={() => text} label={`Copy ${label}`} />
        <Button kind="quiet" icon="save" aria-label={`Save ${label} as a file`} title="Save as a file" onClick={() => saveFile(text, fileName)} />
      </div>
      <pre
        tabIndex={0}
        role="region"
        aria-label={label}
        className="max-h-96 overflow-auto px-3 py-2.5 font-mono text-xs leading-[1.65] whitespace-pre-wrap [overflow-wrap:anywhere]"
      >
        {parts.map((part, index) => (part.kind ? <span key={index} style={{ color: `var(--json-${part.kind})` }}>{part.text}</span> : part.text))}
        {cut && "…"}
      </pre>
      {cut && (
        <button type="button" onClick={() => setAll(true)} className="w-full border-t border-line py-1.5 text-xs font-medium text-accent hover:bg-hover">
          Show all {Math.round(text.length / 1024).toLocaleString()} kB
        </button>
      )}
    </figure>
  );
}
