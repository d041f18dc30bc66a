import { Dialog } from "../ui/dialog";

const HELP: readonly (readonly [string, string])[] = [
  ["A", "Add a node behind the selected one, or onto the selected edge"],
  ["C", "Connect the selected node to another"],
  ["Tab, Enter", "Go from node to node and edge to edge; select"],
  ["Alt + →, Alt + ←", "Go along the edges, and back"],
  ["G", "Go to a node by its name"],
  ["Arrows", "Move what is selected"],
  ["Shift + drag", "Select all in a box"],
  ["Ctrl + click", "Select one more"],
  ["Delete", "Delete what is selected"],
  ["Ctrl + Z, Ctrl + Shift + Z", "Undo, redo"],
  ["Ctrl + C, X, V", "Copy, cut, paste nodes, also between workflows and as JSON text"],
  ["Ctrl + D", "Duplicate"],
  ["Ctrl + A", "Select all nodes"],
  ["F", "Fit the graph"],
  ["T", "Tidy up"],
  ["J", "The form or the JSON beside the canvas"],
  ["Ctrl + S", "Save"],
  ["Esc", "Select nothing"],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="What the keys do">
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
        {HELP.map(([key, text]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded-md border border-line bg-sunken px-1.5 py-0.5 font-mono text-xs whitespace-nowrap">{key}</kbd>
            </dt>
            <dd className="text-ink-2">{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
