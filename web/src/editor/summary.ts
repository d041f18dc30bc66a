import { isObject, type RawNode } from "./document";

/** What a node does, in the few words that fit on it. */
export function summaryOf(node: RawNode): string {
  const config = isObject(node.config) ? node.config : {};
  const text = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
  const words: Record<string, () => string> = {
    http: () => [text(config.method) || "GET", text(config.url)].filter(Boolean).join(" "),
    llm: () => text(config.model),
    tool: () => text(config.tool),
    map: () => (isObject(config.node) ? `each: ${text(config.node.type)}` : config.workflow ? "each: a workflow" : ""),
    delay: () => (config.seconds !== undefined ? `${text(config.seconds)} s` : config.until !== undefined ? `until ${text(config.until)}` : ""),
    approval: () => text(config.prompt),
    subworkflow: () => (config.version ? `version ${text(config.version)}` : ""),
  };
  return words[node.type]?.() ?? "";
}
