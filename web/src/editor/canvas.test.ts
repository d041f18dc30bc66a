import Elk from "elkjs/lib/elk.bundled.js";
import { describe, expect, it } from "vitest";
import type { Plan } from "../api/types";
import { fromLayout, routeKey, toElk } from "./arrange";
import { NOTHING, type GraphDoc } from "./document";
import { kept, keep, type Shelf } from "./drafts";
import { NO_NUMBERS } from "./exact";
import { type Drawing, Drawer } from "./flow";
import { framesOf } from "./frames";
import { allPlaces } from "./places";
import { branchesOf, edgeFrom, heightOf, portOf, portsOf, WIDTH } from "./shape";
import { EditorStore } from "./store";

const chain = (count: number): GraphDoc => ({
  nodes: Array.from({ length: count }, (_, index) => ({ id: `n${index}`, type: "transform", position: { x: index * 300, y: 0 } })),
  edges: Array.from({ length: count - 1 }, (_, index) => ({ source: `n${index}`, target: `n${index + 1}` })),
});

const drawing = (doc: GraphDoc, more: Partial<Drawing> = {}): Drawing => ({
  doc,
  places: allPlaces(doc, new Map()),
  laid: { places: new Map(), routes: new Map() },
  plan: null,
  problems: [],
  selection: NOTHING,
  readOnly: false,
  ...more,
});

describe("the canvas", () => {
  it("[EDIT-12] draws again only what a dragged node touches, of 1,000 nodes", () => {
    const doc = chain(1_000);
    const drawer = new Drawer();
    const first = drawing(doc);
    const before = drawer.draw(first);
    const places = new Map(first.places).set("n500", { x: 0, y: 400 });
    const after = drawer.draw({ ...first, places });
    expect(after.nodes.filter((node, index) => node !== before.nodes[index]).map(({ id }) => id)).toEqual(["n500"]);
    expect(after.edges.filter((edge, index) => edge !== before.edges[index]).map(({ id }) => id)).toEqual(["e:499", "e:500"]);
  });

  it("[EDIT-12] gives nothing but the dragged node a new look while it is dragged, and the frame of its loop", () => {
    const doc = chain(1_000);
    const drawer = new Drawer();
    const loop = { header: "n500", nodes: ["n500", "n501"], back_edges: [0], max_iterations: 7, inside: null };
    const first = drawing(doc, { plan: { loops: [loop] } as unknown as Plan });
    const { nodes } = drawer.draw(first);
    const moved = (id: string) => drawer.carried(nodes, first, new Map([[id, { x: 0, y: 400 }]])).filter((node, index) => node !== nodes[index]);
    expect(moved("n7").map(({ id, position }) => [id, position])).toEqual([["n7", { x: 0, y: 400 }]]);
    expect(moved("n501").map(({ id }) => id)).toEqual(["frame:n500", "n501"]);
    expect(drawer.floorsWith(first, new Map([["n501", { x: 0, y: 400 }]])).get(0)).toBeGreaterThan(400);
  });

  it("[EDIT-11] shows each problem at its node or its edge", () => {
    const problems = [
      { code: "invalid_config", pointer: "/nodes/1/config", message: "Give it a value.", node_id: "n1" },
      { code: "invalid_condition", pointer: "/edges/0/condition", message: "No such name.", node_id: "n0", edge: 0 },
      { code: "no_entry", pointer: "", message: "No entry." },
    ];
    const { nodes, edges } = new Drawer().draw(drawing(chain(3), { problems }));
    expect(nodes.map(({ data }) => ("problems" in data ? data.problems : null))).toEqual([[], ["Give it a value."], []]);
    expect(edges.map(({ data }) => data?.problems)).toEqual([["No such name."], []]);
  });

  it("[EDIT-10] frames each loop of the plan around all its nodes, inner frames inside outer ones", () => {
    const doc = chain(6);
    const loop = (header: string, nodes: string[], inside: string | null) => ({ header, nodes, back_edges: [], max_iterations: 7, inside });
    const plan = { loops: [loop("n2", ["n2", "n3"], "n1"), loop("n1", ["n1", "n2", "n3", "n4"], null)] } as unknown as Plan;
    const frames = framesOf(plan, new Map(doc.nodes.map((node) => [node.id, node])), allPlaces(doc, new Map()));
    expect(frames.map(({ header, limit }) => [header, limit])).toEqual([["n1", 7], ["n2", 7]]);
    const [outer, inner] = frames.map(({ box }) => box);
    expect(inner!.x).toBeLessThan(600);
    expect(inner!.x + inner!.width).toBeGreaterThan(900 + WIDTH);
    expect(outer!.x).toBeLessThan(Math.min(inner!.x, 300));
    expect(outer!.x + outer!.width).toBeGreaterThan(Math.max(inner!.x + inner!.width, 1_200 + WIDTH));
    expect(outer!.y).toBeLessThan(inner!.y);
  });

  it("[EDIT-10] lays each loop out from its header on", async () => {
    const edges = [["start", "header"], ["header", "work"], ["work", "header"], ["work", "end"]].map(([source, target]) => ({ source: source!, target: target! }));
    const doc: GraphDoc = { nodes: ["work", "end", "header", "start"].map((id) => ({ id, type: "transform" })), edges };
    const { places, routes } = fromLayout(doc, await new Elk().layout(toElk(doc)));
    const across = ["start", "header", "work", "end"].map((id) => places.get(id)!.x);
    expect(across).toEqual([...across].sort((one, other) => one - other));
    const back = routes.get(routeKey(edges[2]!, "out", 0))!.points;
    expect(back[0]!.x).toBe(places.get("work")!.x + WIDTH);
    expect(back.at(-1)!.x).toBe(places.get("header")!.x);
  });

  it("gives a condition a handle for each of its branches, and edges what their handle says", () => {
    const node = { id: "c", type: "condition", config: { branches: [{ name: "high", when: "true" }, { name: "low" }], default: "else" } };
    expect(branchesOf(node)).toEqual(["high", "low", "else"]);
    expect(portsOf(node).map(({ id }) => id)).toEqual(["out", "branch:high", "branch:low", "branch:else", "error"]);
    expect(edgeFrom("c", "branch:low", "d")).toEqual({ source: "c", target: "d", branch: "low" });
    expect(edgeFrom("c", "error", "d")).toEqual({ source: "c", target: "d", on: "error" });
    expect(portOf({ source: "c", target: "d", branch: "gone" }, node)).toBe("out");
    expect(heightOf(node)).toBeGreaterThan(heightOf({ id: "d", type: "http" }));
  });

  it("puts nodes without a place beside what leads to them, one under the other", () => {
    const doc: GraphDoc = { nodes: [{ id: "a", type: "x", position: { x: 0, y: 0 } }, { id: "b", type: "x" }, { id: "c", type: "x" }], edges: [{ source: "a", target: "b" }, { source: "a", target: "c" }] };
    const places = allPlaces(doc, new Map());
    expect(places.get("b")!.x).toBeGreaterThan(WIDTH);
    expect(places.get("c")!.y).toBeGreaterThanOrEqual(places.get("b")!.y + heightOf(doc.nodes[1]!));
  });
});

describe("drafts", () => {
  const shelf = (): Shelf => {
    const slots = new Map<string, string>();
    return {
      get length() {
        return slots.size;
      },
      key: (index) => [...slots.keys()][index] ?? null,
      getItem: (slot) => slots.get(slot) ?? null,
      setItem: (slot, text) => void slots.set(slot, text),
      removeItem: (slot) => void slots.delete(slot),
    };
  };

  it("[EDIT-5] are kept for each tab, newest first, and what is no draft is left alone", () => {
    const there = shelf();
    const draft = (at: number) => ({ graph: "{}", name: "", pane: null, base: null, at });
    keep(there, "graphwright.draft:p:w:one", draft(1));
    keep(there, "graphwright.draft:p:w:two", draft(2));
    keep(there, "graphwright.draft:p:other:one", draft(3));
    there.setItem("graphwright.draft:p:w:bad", "{");
    expect(kept(there, "graphwright.draft:p:w:").map(({ slot }) => slot)).toEqual(["graphwright.draft:p:w:two", "graphwright.draft:p:w:one"]);
  });

  it("[EDIT-5] are there exactly as long as something is not saved", () => {
    const base = { doc: chain(2), numbers: NO_NUMBERS, id: "w", name: "W", version: 1, etag: '"1"' };
    const store = new EditorStore(base, base, "W");
    expect(store.dirty).toBe(false);
    store.change({ ...store.doc, settings: { timeout: 5 } }, "Change");
    expect(store.dirty).toBe(true);
    store.undo();
    expect(store.dirty).toBe(false);
    store.redo();
    const sent = store.written;
    store.change({ ...store.doc, settings: { timeout: 6 } }, "Change");
    store.saved(sent, { ...base, ...sent, version: 2 });
    expect(store.dirty).toBe(true);
    expect(store.doc.settings).toEqual({ timeout: 6 });
  });
});
