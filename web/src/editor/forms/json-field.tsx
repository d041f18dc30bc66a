import { json } from "@codemirror/lang-json";
import { useMemo, useState } from "react";
import { CodeBox } from "./code-box";
import type { Role } from "./fields";
import { Preview } from "./preview";
import { useForm } from "./scope";
import { useCompletion } from "./use-completion";
import { same } from "./values";

interface Props {
  value: unknown;
  /** Undefined where the text is empty. */
  onChange: (value: unknown) => void;
  labelledBy: string;
  describedBy: string;
  invalid: boolean;
  placeholder?: string;
  /** What its texts hold. */
  holds: Role;
}

const LANGUAGE = json();

/** Any value as JSON; what is no JSON yet stays here until it is. */
export function JsonField({ value, onChange, holds, ...rest }: Props) {
  const { readOnly } = useForm();
  const [focused, setFocused] = useState(false);
  const completion = useCompletion(holds === "template" ? holds : "literal", true);
  const extensions = useMemo(() => [LANGUAGE, completion], [completion]);
  const [draft, setDraft] = useState<{ text: string; stands: unknown } | null>(null);
  // A draft stands for a value; when another value comes from elsewhere, that counts.
  const text = draft !== null && same(draft.stands, value) ? draft.text : printed(value);
  const trouble = troubleOf(text);
  const change = (next: string) => {
    const found = read(next);
    setDraft({ text: next, stands: found.ok ? found.value : value });
    if (found.ok && !same(found.value, value)) onChange(found.value);
  };
  return (
    <div className="relative">
      <CodeBox {...rest} value={text} onChange={change} readOnly={readOnly} invalid={rest.invalid || trouble !== null} extensions={extensions} onFocus={() => setFocused(true)} onBlur={() => setFocused(false)} />
      {trouble && (
        <p role="status" className="mt-1 text-xs text-failed">
          {trouble}
        </p>
      )}
      {holds === "template" && focused && trouble === null && <Preview said={value} role={holds} invalid={rest.invalid} />}
    </div>
  );
}

function printed(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

type Reading = { ok: true; value: unknown } | { ok: false; message: string };

function read(text: string): Reading {
  if (text.trim() === "") return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    return { ok: false, message: `Not JSON yet: ${(error as Error).message}` };
  }
}

function troubleOf(text: string): string | null {
  const found = read(text);
  return found.ok ? null : found.message;
}
