import type { Catalog, GraphDoc, NodeType, RawNode } from "./document";
import { freshId, newNode, type Place } from "./edits";

/** Something that can be put into a graph: a node type, or a tool as a node that calls it. */
export interface Piece {
  key: string;
  title: string;
  detail: string;
  group: "Nodes" | "Your types" | "Tools";
  /** The type of the node that it becomes. */
  type: string;
  make: (doc: GraphDoc, place: Place | null) => RawNode;
}

export const DRAG_TYPE = "application/x-graphwright-piece";

const ORDER = ["input", "http", "llm", "tool", "transform", "condition", "map", "subworkflow", "approval", "delay", "output"];

export function piecesOf({ nodeTypes, tools }: Catalog): Piece[] {
  const rank = (type: NodeType) => ORDER.indexOf(type.name);
  const own = nodeTypes.filter((type) => rank(type) >= 0).sort((one, other) => rank(one) - rank(other));
  const others = nodeTypes.filter((type) => rank(type) < 0);
  const calls = tools.map((tool): Piece => ({
    key: `tool:${tool.name}`,
    title: tool.name,
    detail: plain(tool.description),
    group: "Tools",
    type: "tool",
    make: (doc, place) => ({ ...newNode(doc, { name: "tool", title: "", description: "", config: {} }, place), id: freshId(doc, tool.name.replace(/[^A-Za-z0-9_]+/g, "_")), config: { tool: tool.name, args: {} } }),
  }));
  return [...own.map((type) => typePiece(type, "Nodes")), ...others.map((type) => typePiece(type, "Your types")), ...calls];
}

function typePiece(type: NodeType, group: Piece["group"]): Piece {
  return { key: `type:${type.name}`, title: type.title || type.name, detail: plain(type.description), group, type: type.name, make: (doc, place) => newNode(doc, type, place) };
}

/** A description without the marks of code, on one line. */
function plain(description: string): string {
  return (description.split("\n\n")[0] ?? "").replaceAll("`", "");
}

export function found(pieces: readonly Piece[], search: string): Piece[] {
  const words = search.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...pieces];
  const score = ({ title, type, detail }: Piece) => {
    const [name, all] = [`${title} ${type}`.toLowerCase(), `${title} ${type} ${detail}`.toLowerCase()];
    if (!words.every((word) => all.includes(word))) return 0;
    return name.startsWith(words[0]!) ? 3 : words.every((word) => name.includes(word)) ? 2 : 1;
  };
  return pieces.map((piece) => ({ piece, rank: score(piece) })).filter(({ rank }) => rank > 0).sort((one, other) => other.rank - one.rank).map(({ piece }) => piece);
}
