import { useMemo, useState } from "react";
import { Icon } from "../ui/icons";
import { DRAG_TYPE, found, type Piece } from "./pieces";
import { TypeIcon } from "./type-icon";

interface Props {
  pieces: readonly Piece[];
  onAdd: (piece: Piece) => void;
}

/** What graphs are built with: to be dragged onto the canvas, or pressed. */
export function Palette({ pieces, onAdd }: Props) {
  const [search, setSearch] = useState("");
  const groups = useMemo(() => [...Map.groupBy(found(pieces, search), (piece) => piece.group)], [pieces, search]);
  return (
    <nav aria-label="Palette" className="hidden w-48 shrink-0 flex-col border-r border-line lg:flex">
      <label className="flex items-center gap-2 border-b border-line px-3">
        <Icon name="search" size={14} className="text-ink-3" />
        <input
          type="search"
          aria-label="Search the palette"
          placeholder="Search"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          onKeyDown={(event) => {
            const [first] = found(pieces, search);
            if (event.key === "Enter" && first) onAdd(first);
          }}
          className="h-10 w-full min-w-0 bg-transparent outline-none placeholder:text-ink-3"
        />
      </label>
      <div className="grow overflow-y-auto p-2">
        {groups.length === 0 && <p className="px-2 py-4 text-ink-3">Nothing is called that.</p>}
        {groups.map(([group, items]) => (
          <section key={group} aria-label={group} className="mb-3">
            <h2 className="px-2 pb-1 text-[11px] font-semibold text-ink-3">{group}</h2>
            {items.map((piece) => (
              <Item key={piece.key} piece={piece} onAdd={onAdd} />
            ))}
          </section>
        ))}
      </div>
    </nav>
  );
}

function Item({ piece, onAdd }: { piece: Piece; onAdd: (piece: Piece) => void }) {
  return (
    <button
      type="button"
      draggable
      title={piece.detail}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAG_TYPE, piece.key);
        event.dataTransfer.effectAllowed = "copy";
      }}
      // A double click adds one, too.
      onClick={(event) => event.detail <= 1 && onAdd(piece)}
      className="flex w-full cursor-grab items-center gap-2.5 rounded-lg px-2 py-1.5 text-left font-medium hover:bg-hover active:cursor-grabbing"
    >
      <span className="text-ink-3">
        <TypeIcon type={piece.type} size={16} />
      </span>
      <span className="truncate">{piece.title}</span>
    </button>
  );
}
