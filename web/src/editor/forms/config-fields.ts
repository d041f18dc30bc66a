import { type Catalog, isObject, type NodeType } from "../document";
import { type Control, type Field, fieldsOf, type Pick, roleBy, titleOf } from "./fields";

/** The fields of a node's config: those of its type, and for a tool those of its arguments. */
export function configFields(type: NodeType, config: unknown, catalog: Catalog): Field[] {
  // What a map does for each item is literal to the map itself only: templates in it see the item.
  const fields = fieldsOf(type.config, roleBy(type.expressions, type.name === "map" ? [] : type.literal));
  return fields.map((field) => special(type.name, field, isObject(config) ? config : {}, catalog));
}

/** What a schema cannot tell: that a name is one of a list, and that one field decides about another. */
function special(type: string, field: Field, config: { [key: string]: unknown }, catalog: Catalog): Field {
  const key = `${type}.${field.key}`;
  if (key === "tool.args") return { ...field, control: argumentsOf(config.tool, catalog) };
  if (key === "llm.tools") return { ...field, control: { kind: "list", item: pick("*", "tools") } };
  if (key === "map.node") return { ...field, control: { kind: "inner" } };
  if (key === "map.items") return { ...field, control: { kind: "any" } };
  const of = PICKS[key];
  return of === undefined ? field : { ...field, control: { kind: "pick", of } };
}

const PICKS: Record<string, Pick> = { "tool.tool": "tools", "subworkflow.workflow": "workflows", "map.workflow": "workflows" };

function pick(key: string, of: Pick): Field {
  return { key, title: titleOf(key), hint: null, required: true, initial: undefined, role: "literal", control: { kind: "pick", of } };
}

function argumentsOf(name: unknown, catalog: Catalog): Control {
  const tool = catalog.tools.find((one) => one.name === name);
  const fields = tool ? fieldsOf(tool.args) : [];
  if (fields.length > 0) return { kind: "object", fields };
  const value: Field = { key: "*", title: "Value", hint: null, required: true, initial: undefined, role: "template", control: { kind: "any" } };
  return { kind: "map", value };
}
