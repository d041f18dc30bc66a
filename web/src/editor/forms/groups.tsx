import { type ReactNode, useContext, useId, useState } from "react";
import { Button } from "../../ui/button";
import { CONTROL } from "../../ui/field";
import { isObject } from "../document";
import { configFields } from "./config-fields";
import { useOptions } from "./controls";
import type { RowProps } from "./field-row";
import type { Field, Pick } from "./fields";
import { BEHAVIOUR } from "./node-fields";
import { StandingContext, useForm } from "./scope";
import { blank, freshName, type Path, withName, withValue } from "./values";

interface Group {
  field: Field;
  value: unknown;
  path: Path;
  onChange: (value: unknown) => void;
  row: (props: RowProps) => ReactNode;
}

const INSIDE = "space-y-3 border-l-2 border-line pl-3";

/** A field that its schema does not know. */
export function foreign(key: string): Field {
  return { key, title: key, hint: null, required: false, initial: undefined, role: "literal", control: { kind: "any" } };
}

export function Out({ of, onClick }: { of: string; onClick: () => void }) {
  const { readOnly } = useForm();
  if (readOnly) return null;
  return <Button kind="quiet" icon="close" aria-label={`Take out ${of}`} title="Take out" onClick={onClick} className="!h-6 !w-6" />;
}

function Add({ children, of, onClick }: { children: string; of?: string; onClick: () => void }) {
  const { readOnly } = useForm();
  if (readOnly) return null;
  return (
    <Button kind="quiet" icon="plus" onClick={onClick} aria-label={of ? `${children} ${of}` : undefined} className="!h-7 !px-2 text-ink-2">
      {children}
    </Button>
  );
}

/** The fields of an object, with those that its schema does not know as JSON. */
export function Properties({ field, fields, value, path, onChange, row }: Group & { fields: Field[] }) {
  if (!isObject(value) && !field.required) return <Add of={field.title} onClick={() => onChange(blank(field))}>Set</Add>;
  const there = isObject(value) ? value : {};
  const set = (key: string, next: unknown) => onChange(withValue(there, [key], next));
  const known = new Set(fields.map(({ key }) => key));
  const inside = fields.map((inner) => <div key={inner.key}>{row({ field: inner, value: there[inner.key], path: [...path, inner.key], onChange: (next) => set(inner.key, next) })}</div>);
  const rest = Object.keys(there).filter((key) => !known.has(key));
  return (
    <div className={INSIDE}>
      {inside}
      {rest.map((key) => (
        <div key={key}>{row({ field: foreign(key), value: there[key], path: [...path, key], onChange: (next) => set(key, next), aside: <Out of={key} onClick={() => set(key, undefined)} /> })}</div>
      ))}
    </div>
  );
}

export function List({ field, item, value, path, onChange, row }: Group & { item: Field }) {
  const items: unknown[] = Array.isArray(value) ? value : [];
  const swap = (at: number) => onChange(items.map((one, index) => (index === at ? items[at - 1] : index === at - 1 ? items[at] : one)));
  const out = (at: number) => onChange(items.length === 1 && !field.required ? undefined : items.filter((_, index) => index !== at));
  const { readOnly } = useForm();
  return (
    <div className="space-y-2">
      {items.map((one, at) => (
        <div key={at} className={item.control.kind === "object" ? "" : INSIDE}>
          {row({
            field: { ...(at > 0 ? withoutHints(item) : item), title: `${singular(field.title)} ${at + 1}`, hint: null, required: true },
            value: one,
            path: [...path, at],
            onChange: (next) => onChange(withValue(items, [at], next === undefined ? null : next)),
            aside: (
              <>
                {at > 0 && !readOnly && <Button kind="quiet" icon="down" aria-label={`Move ${singular(field.title)} ${at + 1} up`} title="Move up" onClick={() => swap(at)} className="!h-6 !w-6 rotate-180" />}
                <Out of={`${singular(field.title)} ${at + 1}`} onClick={() => out(at)} />
              </>
            ),
          })}
        </div>
      ))}
      <Add onClick={() => onChange([...items, blank(item)])}>{`Add ${singular(field.title).toLowerCase()}`}</Add>
    </div>
  );
}

/** What has been said once need not be said at every item. */
function withoutHints(field: Field): Field {
  const { control } = field;
  const inner = control.kind === "object" ? { ...control, fields: control.fields.map(withoutHints) } : control;
  return { ...field, hint: null, control: inner };
}

function singular(title: string): string {
  return title.endsWith("ches") ? title.slice(0, -2) : title.endsWith("s") && !title.endsWith("us") ? title.slice(0, -1) : title;
}

/** Names with a value each; `names` are those that may be chosen. */
export function Names({ field, entry, names, value, path, onChange, row }: Group & { entry: Field; names: Pick | null }) {
  const there = isObject(value) ? value : {};
  const options = useOptions(names ?? "states");
  const free = names === null ? [] : options.filter((option) => !Object.hasOwn(there, option.value));
  const out = (key: string) => {
    const next = withValue(there, [key], undefined);
    onChange(Object.keys(next).length === 0 && !field.required ? undefined : next);
  };
  const add = () => {
    const name = names === null ? freshName(there, "name") : (free[0]?.value ?? freshName(there, "key"));
    onChange(withValue(there, [name], blank(entry)));
  };
  return (
    <div className="space-y-2">
      {Object.entries(there).map(([key, one], at) => (
        <div key={at} className={INSIDE}>
          {row({
            field: { ...entry, title: key, required: true },
            value: one,
            path: [...path, key],
            onChange: (next) => onChange(withValue(there, [key], next === undefined ? null : next)),
            head: <Name name={key} options={free.map((option) => option.value)} taken={(name) => Object.hasOwn(there, name)} onRename={(name) => onChange(withName(there, key, name))} />,
            aside: <Out of={key} onClick={() => out(key)} />,
          })}
        </div>
      ))}
      <Add onClick={add}>{`Add to ${field.title.toLowerCase()}`}</Add>
    </div>
  );
}

function Name({ name, options, taken, onRename }: { name: string; options: string[]; taken: (name: string) => boolean; onRename: (name: string) => void }) {
  const { readOnly } = useForm();
  const [draft, setDraft] = useState<string | null>(null);
  const twice = draft !== null && draft !== name && taken(draft);
  const done = () => {
    if (draft !== null && draft !== name && !twice) onRename(draft);
    setDraft(null);
  };
  const list = useId();
  return (
    <span className="min-w-0 grow">
      <input
        aria-label={`Name of ${name}`}
        aria-invalid={twice}
        value={draft ?? name}
        readOnly={readOnly}
        list={options.length > 0 ? list : undefined}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setDraft(event.target.value)}
        onBlur={done}
        onKeyDown={(event) => {
          if (event.key === "Enter") done();
        }}
        className={`${CONTROL} h-7 !px-2 read-only:bg-sunken font-mono text-xs`}
      />
      {options.length > 0 && (
        <datalist id={list}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      {twice && <span className="text-xs text-failed">This name is there already.</span>}
    </span>
  );
}

const OF_INNER = new Set(["retry", "timeout", "queue", "on_error"]);

/** The node that a map runs for each item: a type, and the config that the type asks for. */
export function Inner({ field, value, path, onChange, row }: Group) {
  const { catalog } = useForm();
  const standing = useContext(StandingContext);
  if (!isObject(value)) return <Add onClick={() => onChange(blank(field))}>Run a node for each item</Add>;
  const type = catalog.nodeTypes.find((one) => one.name === value.type);
  const set = (key: string, next: unknown) => onChange(withValue(value, [key], next));
  const fields: Field[] = [
    { ...foreign("type"), title: "Type", required: true, control: { kind: "pick", of: "types" } },
    { ...foreign("config"), title: "Config", required: true, role: "template", control: type ? { kind: "object", fields: configFields(type, value.config, catalog) } : { kind: "any" } },
    ...BEHAVIOUR.filter(({ key }) => OF_INNER.has(key)),
  ];
  const known = new Set(fields.map(({ key }) => key));
  const rest = Object.keys(value).filter((key) => !known.has(key));
  return (
    <StandingContext.Provider value={{ ...standing, inMap: true }}>
      <div className={INSIDE}>
        {[...fields, ...rest.map(foreign)].map((inner) => (
          <div key={inner.key}>{row({ field: inner, value: value[inner.key], path: [...path, inner.key], onChange: (next) => set(inner.key, next) })}</div>
        ))}
      </div>
    </StandingContext.Provider>
  );
}
