import { type FormEvent, type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { ApiError } from "../api/client";
import type { Json } from "../api/types";
import { Button } from "../ui/button";
import { ErrorBox } from "../ui/states";
import { FieldView } from "./field-view";
import { type Draft, draftOf, fieldOf, place, type Problems, read } from "./fields";

interface Props {
  /** The JSON Schema of the answer; anything is one where there is none. */
  schema: unknown;
  label: string;
  busy: boolean;
  /** What the server has said to the last answer that was sent. */
  error: unknown;
  onSend: (answer: Json) => void;
}

/** A form made from a JSON Schema; what the server has against an answer is shown at the field it is about. */
export function AnswerForm({ schema, label, busy, error, onSend }: Props) {
  const printed = JSON.stringify(schema);
  // The schema is the same while it reads the same, however often its node is told of.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const field = useMemo(() => fieldOf(schema), [printed]);
  const [draft, setDraft] = useState<Draft>(() => draftOf(field));
  const [tries, setTries] = useState(0);
  const [missing, setMissing] = useState<Problems>({});
  const form = useRef<HTMLFormElement>(null);
  const name = useId();
  const items = error instanceof ApiError ? error.items : [];
  const said = place(field, items);
  const problems: Problems = { ...said, ...missing };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setTries((before) => before + 1);
    const found = read(field, draft);
    setMissing(found.ok ? {} : found.problems);
    if (found.ok) onSend(found.value ?? null);
  };
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-invalid] input")?.focus();
  }, [error, tries]);
  const change = (pointer: string, value: string) => {
    setDraft((before) => ({ ...before, [pointer]: value }));
    setMissing((before) => Object.fromEntries(Object.entries(before).filter(([at]) => at !== pointer)));
  };
  const hurry = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
  };
  return (
    // Ctrl+Enter sends from within a text of many lines, as it does elsewhere.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form ref={form} aria-label={label} onSubmit={submit} onKeyDown={hurry} noValidate className="space-y-4">
      <FieldView field={field} name={name} draft={draft} problems={problems} onChange={change} root />
      {error !== null && error !== undefined && items.length === 0 && <ErrorBox error={error} />}
      {said[""] && <ErrorBox error={said[""]} />}
      <Button type="submit" kind="primary" icon="check" busy={busy} className="max-sm:w-full max-sm:justify-center">
        {busy ? "Sending" : "Send answer"}
      </Button>
    </form>
  );
}
