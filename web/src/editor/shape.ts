import { isObject, type RawEdge, type RawNode } from "./document";

export const WIDTH = 212;
export const HEAD = 56;
const ROW = 24;
const ROWS_END = 8;

/** Where edges leave a node: its side, the row of a branch, or below for what follows on an error. */
export interface Port {
  id: string;
  x: number;
  y: number;
  /** The branch that its edges are of. */
  branch?: string;
}

export const IN_PORT = "in";
export const OUT_PORT = "out";
export const ERROR_PORT = "error";
const BRANCH = "branch:";

/** The branches that a condition node may choose, as far as its config names any. */
export function branchesOf(node: RawNode): string[] {
  if (node.type !== "condition" || !isObject(node.config)) return [];
  const { branches, default: otherwise } = node.config;
  const named = Array.isArray(branches) ? branches.map((branch: unknown) => (isObject(branch) ? branch.name : null)) : [];
  return [...new Set([...named, otherwise].filter((name): name is string => typeof name === "string" && name !== ""))];
}

export function heightOf(node: RawNode): number {
  const rows = branchesOf(node).length;
  return rows === 0 ? HEAD : HEAD + rows * ROW + ROWS_END;
}

export function portsOf(node: RawNode): Port[] {
  const branches = branchesOf(node).map((branch, row) => ({ id: BRANCH + branch, branch, x: WIDTH, y: HEAD + row * ROW + ROW / 2 }));
  return [{ id: OUT_PORT, x: WIDTH, y: HEAD / 2 }, ...branches, { id: ERROR_PORT, x: WIDTH - 26, y: heightOf(node) }];
}

export function portOf(edge: RawEdge, source: RawNode | undefined): string {
  if (edge.on === "error") return ERROR_PORT;
  const { branch } = edge;
  return typeof branch === "string" && source && branchesOf(source).includes(branch) ? BRANCH + branch : OUT_PORT;
}

/** What an edge says that is drawn from this port. */
export function edgeFrom(source: string, port: string | null | undefined, target: string): RawEdge {
  if (port === ERROR_PORT) return { source, target, on: "error" };
  return port?.startsWith(BRANCH) ? { source, target, branch: port.slice(BRANCH.length) } : { source, target };
}

const LABEL_LONGEST = 34;

/** What is written on an edge; a branch that has a row of its own says it there. */
export function labelOf(edge: RawEdge, source: RawNode | undefined): string | null {
  const { condition, branch, name } = edge;
  const said = typeof name === "string" && name !== "" ? name : edge.on === "error" ? "on error" : typeof condition === "string" ? condition : null;
  const text = said ?? (typeof branch === "string" && portOf(edge, source) === OUT_PORT ? branch : null);
  if (text === null || text === "") return null;
  const plain = text.replace(/^\{\{\s*|\s*\}\}$/g, "").replace(/\s+/g, " ");
  return plain.length > LABEL_LONGEST ? `${plain.slice(0, LABEL_LONGEST - 1)}…` : plain;
}
