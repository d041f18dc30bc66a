import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { workflowsQuery } from "../../api/queries";
import { CONTROL, Select } from "../../ui/field";
import { isObject } from "../document";
import { useExactly } from "./exactly";
import type { Control, Field, Pick } from "./fields";
import { useForm } from "./scope";
import { same } from "./values";

/** What every control is given; undefined takes the value out of the document. */
export interface ControlProps {
  field: Field;
  value: unknown;
  onChange: (value: unknown) => void;
  id: string;
  describedBy: string;
  invalid: boolean;
}

const PLAIN = `${CONTROL} read-only:bg-sunken`;

export function PlainText({ field, value, onChange, id, describedBy, invalid, long }: ControlProps & { long: boolean }) {
  const { readOnly } = useForm();
  const shared = {
    id,
    value: typeof value === "string" ? value : "",
    readOnly,
    placeholder: typeof field.initial === "string" ? field.initial : undefined,
    "aria-describedby": describedBy,
    "aria-invalid": invalid,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value === "" && !field.required ? undefined : event.target.value),
  };
  if (long) return <textarea {...shared} rows={Math.min(8, Math.max(2, shared.value.split("\n").length))} className={`${PLAIN} resize-y py-1.5`} />;
  return <input {...shared} autoComplete="off" spellCheck={false} className={`${PLAIN} h-8`} />;
}

export function NumberBox({ field, value, onChange, id, describedBy, invalid, integer }: ControlProps & { integer: boolean }) {
  const { readOnly } = useForm();
  const [draft, setDraft] = useState<{ text: string; stands: unknown } | null>(null);
  const exactly = useExactly();
  const text = draft !== null && same(draft.stands, value) ? draft.text : value === undefined || value === null ? "" : exactly.print(value);
  const wrong = text.trim() !== "" && !isNumber(text, integer);
  const change = (next: string) => {
    const found = next.trim() === "" ? undefined : isNumber(next, integer) ? Number(next) : value;
    setDraft({ text: next, stands: found });
    if (!same(found, value)) onChange(found);
  };
  return (
    <>
      <input
        id={id}
        value={text}
        readOnly={readOnly}
        inputMode={integer ? "numeric" : "decimal"}
        autoComplete="off"
        placeholder={typeof field.initial === "number" ? String(field.initial) : undefined}
        aria-describedby={describedBy}
        aria-invalid={invalid || wrong}
        onChange={(event) => change(event.target.value)}
        className={`${PLAIN} h-8 tabular-nums`}
      />
      {wrong && <p className="mt-1 text-xs text-failed">{integer ? "This is not a whole number." : "This is not a number."}</p>}
    </>
  );
}

function isNumber(text: string, integer: boolean): boolean {
  const number = Number(text);
  return text.trim() !== "" && Number.isFinite(number) && (!integer || Number.isInteger(number));
}

/** On or off; what holds anyway is not written down. */
export function Switch({ field, value, onChange, id, describedBy }: ControlProps) {
  const { readOnly } = useForm();
  const on = typeof value === "boolean" ? value : field.initial === true;
  return (
    <input
      id={id}
      type="checkbox"
      role="switch"
      checked={on}
      disabled={readOnly}
      aria-describedby={describedBy}
      onChange={(event) => onChange(event.target.checked === field.initial ? undefined : event.target.checked)}
      className="relative h-5 w-9 shrink-0 cursor-pointer appearance-none rounded-full bg-line-strong transition-colors before:absolute before:top-0.5 before:left-0.5 before:size-4 before:rounded-full before:bg-surface before:shadow-card before:transition-transform checked:bg-accent checked:before:translate-x-4 disabled:opacity-55"
    />
  );
}

export function Choice({ field, value, onChange, id, describedBy, invalid, options }: ControlProps & { options: unknown[] }) {
  const { readOnly } = useForm();
  const chosen = options.findIndex((option) => same(option, value ?? field.initial));
  const change = (index: number) => {
    const next = options[index];
    onChange(index < 0 || (!field.required && same(next, field.initial)) ? undefined : next);
  };
  return (
    <Select id={id} disabled={readOnly} value={chosen} aria-describedby={describedBy} aria-invalid={invalid} onChange={(event) => change(Number(event.target.value))} className="w-full">
      {chosen < 0 && <option value={-1}>{field.required ? "Choose one" : "Not set"}</option>}
      {options.map((option, index) => (
        <option key={index} value={index}>
          {typeof option === "string" ? option.replaceAll("_", " ") : JSON.stringify(option)}
        </option>
      ))}
    </Select>
  );
}

export function PickBox({ field, value, onChange, id, describedBy, invalid, of }: ControlProps & { of: Pick }) {
  const { readOnly } = useForm();
  const options = useOptions(of);
  const current = typeof value === "string" ? value : "";
  const known = options.some((option) => option.value === current);
  return (
    <Select id={id} disabled={readOnly} value={current} aria-describedby={describedBy} aria-invalid={invalid} onChange={(event) => onChange(event.target.value === "" ? (field.required ? "" : undefined) : event.target.value)} className="w-full">
      <option value="">{field.required ? "Choose one" : "None"}</option>
      {current !== "" && !known && <option value={current}>{current}</option>}
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </Select>
  );
}

interface Option {
  value: string;
  label: string;
}

export function useOptions(of: Pick): Option[] {
  const { catalog, doc, project } = useForm();
  const workflows = useQuery({ ...workflowsQuery(project), enabled: of === "workflows" });
  const plain = (names: string[]) => names.map((name) => ({ value: name, label: name }));
  switch (of) {
    case "tools":
      return plain(catalog.tools.map((tool) => tool.name));
    case "types":
      return catalog.nodeTypes.map((type) => ({ value: type.name, label: type.title || type.name }));
    case "states":
      return plain(isObject(doc.state) ? Object.keys(doc.state) : []);
    case "nodes":
      return doc.nodes.map((node) => ({ value: node.id, label: typeof node.name === "string" && node.name !== "" ? `${node.name} (${node.id})` : node.id }));
    case "workflows":
      return plain([...new Set((workflows.data ?? []).map((workflow) => workflow.name))]);
  }
}

/** Whether problems inside of a value belong to the control itself, as it shows no fields for them. */
export function isLeaf(control: Control): boolean {
  return !["object", "list", "map", "inner"].includes(control.kind);
}
