import { describe, expect, it } from "vitest";
import { openingView } from "./camera";
import { WIDTH } from "./shape";

const pane = { width: 800, height: 600 };

/** What of the graph is seen, in its own coordinates. */
function seen(bounds: { x: number; y: number; width: number; height: number }, wanted?: { x: number; y: number }) {
  const { x, y, zoom } = openingView(bounds, pane, wanted);
  return { left: -x / zoom, right: (pane.width - x) / zoom, top: -y / zoom, bottom: (pane.height - y) / zoom, zoom };
}

describe("where a graph opens", () => {
  it("[EDIT-67] is whole where it can be read", () => {
    const view = seen({ x: 100, y: -50, width: 700, height: 300 });
    expect(view.left).toBeLessThan(100);
    expect(view.right).toBeGreaterThan(800);
    expect(view.zoom).toBeGreaterThanOrEqual(0.7);
  });

  it("[EDIT-67] is its beginning where it is too large", () => {
    const view = seen({ x: 100, y: 0, width: 5000, height: 200 });
    expect(view.left).toBeLessThan(100);
    expect(view.left).toBeGreaterThan(0);
    expect((view.top + view.bottom) / 2).toBeCloseTo(100);
  });

  it("[EDIT-67] has the node that is asked for in the middle, or at the end of the graph at its side", () => {
    const bounds = { x: 0, y: 0, width: 5000, height: 200 };
    const middle = seen(bounds, { x: 2500, y: 0 });
    expect((middle.left + middle.right) / 2).toBeCloseTo(2500 + WIDTH / 2);
    const end = seen(bounds, { x: 5000 - WIDTH, y: 0 });
    expect(end.right).toBeGreaterThan(5000);
    expect(end.right).toBeLessThan(5100);
    expect(seen(bounds, { x: 0, y: 0 }).left).toBeCloseTo(seen(bounds).left);
  });
});
