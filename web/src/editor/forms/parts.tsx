import type { ReactNode } from "react";
import { METADATA } from "./node-fields";
import { FieldRow } from "./field-row";
import type { Field } from "./fields";
import { foreign } from "./groups";
import { type Path, valueAt } from "./values";

export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="space-y-4 border-t border-line pt-4 first:border-t-0 first:pt-0">
      <h3 className="text-xs font-semibold text-ink-2">{title}</h3>
      {children}
    </section>
  );
}

interface RowsProps {
  fields: Field[];
  /** What has the fields. */
  whole: unknown;
  /** Where it stands in the document. */
  path: Path;
  set: (path: Path, value: unknown, what: string) => void;
}

/** Fields of one part of the document, each with its control. */
export function Rows({ fields, whole, path, set }: RowsProps) {
  return fields.map((field) => {
    const at = [...path, field.key];
    return <FieldRow key={field.key} field={field} value={valueAt(whole, [field.key])} path={at} onChange={(value) => set(at, value, field.title)} />;
  });
}

/** Metadata, and the fields that no form knows: as JSON. */
export function Others({ keys, ...rest }: Omit<RowsProps, "fields"> & { keys: string[] }) {
  return (
    <Part title="Kept with it">
      <Rows {...rest} fields={[METADATA, ...keys.map(foreign)]} />
    </Part>
  );
}
