import { type ReactNode, useId, useState } from "react";
import { Button } from "../../ui/button";
import { type ControlProps, Choice, isLeaf, NumberBox, PickBox, PlainText, Switch } from "./controls";
import { parseExact, wayTo } from "../exact";
import { PlaceContext, useExactly } from "./exactly";
import type { Field } from "./fields";
import { Inner, List, Names, Out, Properties } from "./groups";
import { JsonField } from "./json-field";
import { ModeSwitch } from "./mode-switch";
import { Prose } from "./prose";
import { problemsAt, useForm } from "./scope";
import { TemplateField } from "./template-field";
import { blank, fits, isJsonText, isTemplate, type Mode, modeOf, modesOf, type Path, pointerTo, scalarOf } from "./values";

export interface RowProps {
  field: Field;
  value: unknown;
  /** Where the value stands in the document. */
  path: Path;
  /** Undefined takes the value out of the document. */
  onChange: (value: unknown) => void;
  /** What stands behind the title, such as a button that takes the field out. */
  aside?: ReactNode;
  /** Stands in the place of the title. */
  head?: ReactNode;
}

/** A field with its title, its control, and what the server has against its value. */
export function FieldRow({ field, value, path, onChange, aside, head }: RowProps) {
  const { doc, problems, readOnly, remember } = useForm();
  const [forced, force] = useState<Mode | null>(null);
  const id = useId();
  const usual = modeOf(field, value);
  const mode = forced !== null && canShow(forced, field, value) ? forced : usual;
  const pointer = pointerTo(path);
  const leaf = mode !== "form" || isLeaf(field.control);
  const told = problemsAt(problems, pointer, leaf);
  const messages = told.length > 0 && field.role === "expression" && value === "" ? ["Write an expression: what has to be true."] : told;
  const turn = (next: Mode) => {
    force(next);
    if (next === "json" && isJsonText(value)) {
      const way = wayTo(doc, path);
      const found = parseExact(value, way);
      if (path[0] !== "many") remember(way, found.numbers);
      return onChange(found.value);
    }
    const changed = turned(next, field, value);
    if (changed !== value) onChange(changed);
  };
  const plain = field.role === "literal" && mode === "form";
  const inline = mode === "form" && field.control.kind === "boolean";
  const control = (
    <PlaceContext value={path[0] === "many" ? null : path}>
      <ControlOf field={field} value={value} path={path} onChange={onChange} mode={mode} id={id} describedBy={`${id}-note`} invalid={messages.length > 0} />
    </PlaceContext>
  );
  return (
    <div data-pointer={pointer} className={leaf ? "group/row" : ""}>
      <div className={`${leaf ? "" : "group/row"} flex min-h-6 items-center gap-2 ${inline ? "" : "mb-1"}`}>
        {head ?? (
          <label id={`${id}-label`} htmlFor={id} className="min-w-0 truncate text-[12.5px] font-medium" title={field.key}>
            {field.title}
            {field.required && (
              <span className="ml-0.5 text-failed" title="Needed" aria-label="needed">
                *
              </span>
            )}
          </label>
        )}
        {head !== undefined && (
          <span id={`${id}-label`} className="sr-only">
            {field.title}
          </span>
        )}
        <span className="ml-auto flex items-center gap-1">
          {!readOnly && !plain && <ModeSwitch modes={modesOf(field)} mode={mode} may={(next) => mayTurn(next, field, value)} onTurn={turn} of={field.title} />}
          {aside}
          {!field.required && isWhole(field, value) && <Out of={field.title} onClick={() => onChange(undefined)} />}
          {inline && control}
        </span>
      </div>
      {!inline && control}
      {!readOnly && mode === "template" && isJsonText(value) && <AsJson onTake={() => turn("json")} />}
      <div id={`${id}-note`}>
        {messages.map((message) => (
          <p key={message} role="alert" className="mt-1 text-xs [overflow-wrap:anywhere] text-failed">
            <Prose>{message}</Prose>
          </p>
        ))}
        {messages.length === 0 && field.hint && field.control.kind !== "inner" && <p className="mt-1 text-xs [overflow-wrap:anywhere] text-ink-3"><Prose>{field.hint}</Prose></p>}
      </div>
    </div>
  );
}

/** For those who have written an object where a text is meant. */
function AsJson({ onTake }: { onTake: () => void }) {
  return (
    <p className="mt-1.5 flex items-center gap-2 text-xs text-ink-2">
      This gives a text that looks like JSON.
      <Button kind="quiet" onClick={onTake} className="!h-6 !px-2 text-accent">
        Make it JSON
      </Button>
    </p>
  );
}

/** Whether a value is one of several fields, which has no empty control to take it out by. */
function isWhole({ control }: Field, value: unknown): boolean {
  return (control.kind === "object" || control.kind === "inner") && value !== undefined && value !== null;
}

function ControlOf(props: ControlProps & { mode: Mode; path: Path }) {
  const exactly = useExactly();
  const { field, value, onChange, id, describedBy, invalid, mode, path } = props;
  const { control, role } = field;
  const shared = { labelledBy: `${id}-label`, describedBy, invalid };
  const placeholder = initialText(field);
  if (mode === "json") return <JsonField {...shared} value={value} onChange={(next) => onChange(next === undefined && field.required && control.kind === "text" ? "" : next)} placeholder={placeholder} holds={role} />;
  const write = (text: string) => onChange(text === "" && !field.required ? undefined : text);
  if (mode === "template") return <TemplateField {...shared} value={typeof value === "string" ? value : ""} role={role} long={control.kind === "any"} placeholder={placeholder} onChange={write} />;
  const row = (given: RowProps) => <FieldRow {...given} />;
  switch (control.kind) {
    case "text":
      if (role === "literal") return <PlainText {...props} long={control.long} />;
      return <TemplateField {...shared} value={typeof value === "string" ? value : ""} role={role} long={control.long} placeholder={placeholder} onChange={write} />;
    case "scalar":
      return (
        <TemplateField {...shared} value={value === undefined || value === null ? "" : typeof value === "number" ? exactly.print(value) : String(value)} role={role} long={false} placeholder={placeholder} onChange={(text) => write(scalarOf(text, control.numbers, value) as string)} />
      );
    case "number":
      return <NumberBox {...props} integer={control.integer} />;
    case "boolean":
      return <Switch {...props} />;
    case "choice":
      return <Choice {...props} options={control.options} />;
    case "pick":
      return <PickBox {...props} of={control.of} />;
    case "object":
      return <Properties field={field} fields={control.fields} value={value} path={path} onChange={onChange} row={row} />;
    case "list":
      return <List field={field} item={control.item} value={value} path={path} onChange={onChange} row={row} />;
    case "map":
      return <Names field={field} entry={control.value} names={control.names ?? null} value={value} path={path} onChange={onChange} row={row} />;
    case "inner":
      return <Inner field={field} value={value} path={path} onChange={onChange} row={row} />;
    case "any":
      return null;
  }
}

/** What holds where nothing is said, to be shown in an empty control. */
function initialText({ initial }: Field): string {
  if (initial === undefined || initial === null) return "";
  return typeof initial === "string" ? initial : JSON.stringify(initial);
}

function canShow(mode: Mode, field: Field, value: unknown): boolean {
  if (!modesOf(field).includes(mode)) return false;
  if (mode === "form") return fits(field.control, value) && !(isTemplate(value) && modesOf(field).includes("template"));
  return mode === "json" || value === undefined || value === null || typeof value === "string";
}

/** Whether a value can be turned into another form without loss, or there is nothing worth keeping. */
function mayTurn(mode: Mode, field: Field, value: unknown): boolean {
  return canShow(mode, field, value) || (mode === "form" ? typeof value === "string" : typeof value !== "object");
}

function turned(mode: Mode, field: Field, value: unknown): unknown {
  if (canShow(mode, field, value)) return value;
  if (mode === "template") return `{{ ${JSON.stringify(value)} }}`;
  return field.required ? blank(field) : undefined;
}
