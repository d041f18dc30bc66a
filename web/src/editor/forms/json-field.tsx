import { json } from "@codemirror/lang-json";
import { useState } from "react";
import { CodeBox } from "./code-box";
import { useForm } from "./scope";
import { same } from "./values";

interface Props {
  value: unknown;
  /** Undefined where the text is empty. */
  onChange: (value: unknown) => void;
  labelledBy: string;
  describedBy: string;
  invalid: boolean;
  placeholder?: string;
}

const LANGUAGE = json();

/** Any value as JSON; what is no JSON yet stays here until it is. */
export function JsonField({ value, onChange, ...rest }: Props) {
  const { readOnly } = useForm();
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
    <>
      <CodeBox {...rest} value={text} onChange={change} readOnly={readOnly} invalid={rest.invalid || trouble !== null} extensions={LANGUAGE} />
      {trouble && (
        <p role="status" className="mt-1 text-xs text-failed">
          {trouble}
        </p>
      )}
    </>
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
