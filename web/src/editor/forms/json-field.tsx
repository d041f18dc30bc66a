import { json } from "@codemirror/lang-json";
import { useMemo, useState } from "react";
import { NO_NUMBERS, type Numbers, parseExact } from "../exact";
import { CodeBox } from "./code-box";
import { useExactly } from "./exactly";
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
  const exactly = useExactly();
  const [draft, setDraft] = useState<{ text: string; stands: unknown; numbers: Numbers | null } | null>(null);
  // A draft stands for a value; when another value comes from elsewhere, that counts.
  const stands = draft !== null && same(draft.stands, value) && (draft.numbers === null || exactly.has(draft.numbers));
  const text = stands ? draft.text : value === undefined ? "" : exactly.print(value, 2);
  const trouble = troubleOf(text);
  const change = (next: string) => {
    const found = read(next, exactly.read);
    setDraft(found.ok ? { text: next, stands: found.value, numbers: found.numbers } : { text: next, stands: value, numbers: null });
    if (!found.ok || (same(found.value, value) && exactly.has(found.numbers))) return;
    exactly.keep(found.numbers);
    onChange(found.value);
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

type Reading = { ok: true; value: unknown; numbers: Numbers } | { ok: false; message: string };

function read(text: string, parse: (text: string) => { value: unknown; numbers: Numbers }): Reading {
  if (text.trim() === "") return { ok: true, value: undefined, numbers: NO_NUMBERS };
  try {
    return { ok: true, ...parse(text) };
  } catch (error) {
    return { ok: false, message: `Not JSON yet: ${(error as Error).message}` };
  }
}

function troubleOf(text: string): string | null {
  const found = read(text, parseExact);
  return found.ok ? null : found.message;
}
