import { ensureSyntaxTree } from "@codemirror/language";
import type { EditorState } from "@codemirror/state";
import type { SyntaxNode } from "@lezer/common";

const PATIENCE_MS = 200;

/** Where in a JSON text a pointer leads, or as near to it as there is something. */
export function rangeOf(state: EditorState, pointer: string): { from: number; to: number } {
  const steps = pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  let node = ensureSyntaxTree(state, state.doc.length, PATIENCE_MS)?.topNode.firstChild ?? null;
  let found = node;
  for (const step of steps) {
    node = node && inside(state, node, step);
    if (!node) break;
    found = node;
  }
  return found ? { from: found.from, to: found.to } : { from: 0, to: 0 };
}

function inside(state: EditorState, node: SyntaxNode, step: string): SyntaxNode | null {
  if (node.name === "Array") {
    let at = Number(step);
    for (let item = node.firstChild; item; item = item.nextSibling) {
      if (["[", "]", ","].includes(item.name)) continue;
      if (at-- === 0) return item;
    }
  }
  if (node.name !== "Object") return null;
  const name = JSON.stringify(step);
  for (const property of node.getChildren("Property")) {
    const key = property.getChild("PropertyName");
    if (key && state.sliceDoc(key.from, key.to) === name) return property.lastChild;
  }
  return null;
}
