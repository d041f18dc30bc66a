import { Button } from "../ui/button";

/** What to do with an empty canvas. */
export function EmptyHint({ onAdd, onJson }: { onAdd: () => void; onJson: () => void }) {
  return (
    <div className="pointer-events-none absolute inset-0 z-10 grid place-items-center p-6">
      <div className="pointer-events-auto max-w-sm text-center">
        <h2 className="text-[15px] font-semibold">Begin with a node</h2>
        <p className="mt-1 mb-4 text-ink-2">Drag one from the palette, press A, or paste nodes or a whole graph as JSON.</p>
        <div className="flex justify-center gap-2">
          <Button kind="primary" icon="plus" onClick={onAdd}>
            Add a node
          </Button>
          <Button onClick={onJson}>Write JSON</Button>
        </div>
      </div>
    </div>
  );
}
