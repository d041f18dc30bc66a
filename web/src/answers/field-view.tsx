import { type ReactNode, useId } from "react";
import { CONTROL, Select } from "../ui/field";
import type { Draft, Field, Problems } from "./fields";

const AS_BUTTONS = 4;

interface Props<Kind extends Field = Field> {
  field: Kind;
  /** Keeps the radio buttons of two forms on one page apart. */
  name: string;
  draft: Draft;
  problems: Problems;
  onChange: (pointer: string, value: string) => void;
  root?: boolean;
}

export function FieldView(props: Props) {
  const { field } = props;
  if (field.kind === "group") return <Group {...props} field={field} />;
  if (field.kind === "boolean") return <Choice {...props} options={[["true", "Yes"], ["false", "No"]]} />;
  if (field.kind === "choice") {
    const options = field.options.map((option, index): Option => [String(index), typeof option === "string" ? option : JSON.stringify(option)]);
    return options.length > AS_BUTTONS ? <Picker {...props} options={options} /> : <Choice {...props} options={options} />;
  }
  return <Line {...props} field={field} />;
}

function Group({ field, root, ...rest }: Props<Field & { kind: "group" }>) {
  const fields = field.fields.map(([key, inner]) => <FieldView key={key} {...rest} field={inner} />);
  if (root) return <div className="space-y-4">{fields}</div>;
  return (
    <fieldset className="border-l-2 border-line pl-3">
      <legend className="mb-2 font-medium">
        {field.title}
        <Optional field={field} />
      </legend>
      <div className="space-y-4">{fields}</div>
    </fieldset>
  );
}

function Optional({ field }: { field: Field }) {
  return field.required ? null : <span className="ml-1.5 text-xs font-normal text-ink-3">optional</span>;
}

type Option = [value: string, label: string];

/** One of a few: buttons that the arrow keys go through. */
function Choice({ field, name, draft, problems, onChange, options }: Props & { options: Option[] }) {
  const id = useId();
  const problem = problems[field.pointer];
  const shown: Option[] = field.required ? options : [...options, ["", "No answer"]];
  const chosen = draft[field.pointer] ?? (field.required ? null : "");
  return (
    <fieldset aria-describedby={`${id}-note`} data-invalid={problem !== undefined || undefined}>
      <legend className="mb-1.5 font-medium">
        {field.title}
        <Optional field={field} />
      </legend>
      <div className="flex flex-wrap gap-1.5">
        {shown.map(([value, label]) => (
          <label
            key={value}
            className="flex min-h-8 cursor-pointer items-center rounded-lg border border-line-strong bg-surface px-3 py-1 font-medium text-ink-2 shadow-card hover:bg-hover has-checked:border-accent has-checked:bg-accent-soft has-checked:text-accent has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-(--ring)"
          >
            <input
              type="radio"
              className="sr-only"
              name={`${name}${field.pointer}`}
              checked={chosen === value}
              onChange={() => onChange(field.pointer, value)}
            />
            <span className="min-w-0 [overflow-wrap:anywhere]">{label}</span>
          </label>
        ))}
      </div>
      <Note id={`${id}-note`} hint={field.hint} problem={problem} />
    </fieldset>
  );
}

function Picker({ field, draft, problems, onChange, options }: Props & { options: Option[] }) {
  return (
    <Named field={field} problem={problems[field.pointer]}>
      {(id, invalid) => (
        <Select id={id} value={draft[field.pointer] ?? ""} aria-describedby={`${id}-note`} aria-invalid={invalid} onChange={(event) => onChange(field.pointer, event.target.value)} className="w-full">
          <option value="">{field.required ? "Choose one" : "No answer"}</option>
          {options.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Select>
      )}
    </Named>
  );
}

/** Text, a number or JSON. */
function Line({ field, draft, problems, onChange }: Props<Field & { kind: "text" | "number" | "json" }>) {
  const value = draft[field.pointer] ?? "";
  const hint = field.hint ?? (field.kind === "json" ? "JSON" : null);
  return (
    <Named field={{ ...field, hint }} problem={problems[field.pointer]}>
      {(id, invalid) => {
        const shared = { id, value, "aria-describedby": `${id}-note`, "aria-invalid": invalid, onChange: (event: { target: { value: string } }) => onChange(field.pointer, event.target.value) };
        if (field.kind === "json") return <textarea {...shared} rows={Math.min(10, value.split("\n").length + 1)} spellCheck={false} className={`${CONTROL} resize-y py-2 font-mono text-xs leading-relaxed`} />;
        if (field.kind === "text" && field.long) return <textarea {...shared} rows={2} className={`${CONTROL} resize-y py-1.5`} />;
        if (field.kind === "number") return <input {...shared} inputMode={field.integer ? "numeric" : "decimal"} autoComplete="off" className={`${CONTROL} h-9 tabular-nums`} />;
        return <input {...shared} type={field.kind === "text" && field.format === "date" ? "date" : "text"} autoComplete="off" className={`${CONTROL} h-9`} />;
      }}
    </Named>
  );
}

function Named({ field, problem, children }: { field: Field; problem: string | undefined; children: (id: string, invalid: boolean) => ReactNode }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block font-medium">
        {field.title}
        <Optional field={field} />
      </label>
      {children(id, problem !== undefined)}
      <Note id={`${id}-note`} hint={field.hint} problem={problem} />
    </div>
  );
}

function Note({ id, hint, problem }: { id: string; hint: string | null; problem: string | undefined }) {
  return (
    <p id={id} role={problem ? "alert" : undefined} className={problem || hint ? `mt-1.5 text-xs ${problem ? "text-failed" : "text-ink-2"}` : "hidden"}>
      {problem ?? hint}
    </p>
  );
}
