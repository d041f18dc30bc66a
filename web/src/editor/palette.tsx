import { type ReactNode, useMemo, useState } from "react";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { DRAG_TYPE, found, type Piece } from "./pieces";
import { TypeIcon } from "./type-icon";

interface Props {
  pieces: readonly Piece[];
  onAdd: (piece: Piece) => void;
  /** Search from the narrow palette, which has no room for it. */
  onSearch: () => void;
}

const SLOT = "graphwright.palette";
const ROOMY = 1500;

function wideAtFirst(): boolean {
  const said = localStorage.getItem(SLOT);
  return said === null ? innerWidth >= ROOMY : said === "wide";
}

/** What graphs are built with, to be dragged onto the canvas or pressed: with names, or as a row of icons. */
export function Palette({ pieces, onAdd, onSearch }: Props) {
  const [wide, setWide] = useState(wideAtFirst);
  const turn = () => {
    setWide(!wide);
    localStorage.setItem(SLOT, wide ? "narrow" : "wide");
  };
  const head = (
    <Button kind="quiet" icon="chevron" aria-expanded={wide} aria-label={wide ? "Narrow the palette" : "Widen the palette"} title={wide ? "Icons only" : "Show names"} onClick={turn} className={wide ? "ml-auto rotate-180" : ""} />
  );
  return (
    <nav aria-label="Palette" className={`hidden shrink-0 flex-col border-r border-line lg:flex ${wide ? "w-52" : "w-13"}`}>
      {wide ? <Wide pieces={pieces} onAdd={onAdd} head={head} /> : <Narrow pieces={pieces} onAdd={onAdd} onSearch={onSearch} head={head} />}
    </nav>
  );
}

function Wide({ pieces, onAdd, head }: { pieces: readonly Piece[]; onAdd: (piece: Piece) => void; head: ReactNode }) {
  const [search, setSearch] = useState("");
  const groups = useMemo(() => [...Map.groupBy(found(pieces, search), (piece) => piece.group)], [pieces, search]);
  return (
    <>
      <div className="flex items-center gap-1 border-b border-line pr-1 pl-3">
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
          className="h-10 w-full min-w-0 bg-transparent px-1 outline-none placeholder:text-ink-3"
        />
        {head}
      </div>
      <div className="grow overflow-y-auto p-2">
        {groups.length === 0 && <p className="px-2 py-4 text-ink-3">Nothing is called that.</p>}
        {groups.map(([group, items]) => (
          <section key={group} aria-label={group} className="mb-3">
            <h2 className="px-2 pb-1 text-[11px] font-semibold text-ink-3">{group}</h2>
            {items.map((piece) => (
              <Item key={piece.key} piece={piece} onAdd={onAdd} named />
            ))}
          </section>
        ))}
      </div>
    </>
  );
}

function Narrow({ pieces, onAdd, onSearch, head }: Props & { head: ReactNode }) {
  const types = pieces.filter((piece) => piece.group !== "Tools");
  return (
    <div className="flex min-h-0 grow flex-col items-center gap-0.5 overflow-y-auto py-1">
      {head}
      <Button kind="quiet" icon="search" aria-label="Search the palette" title="Search types and tools (A)" onClick={onSearch} />
      <span className="my-1 h-px w-6 shrink-0 bg-line" />
      {types.map((piece) => (
        <Item key={piece.key} piece={piece} onAdd={onAdd} />
      ))}
    </div>
  );
}

function Item({ piece, onAdd, named = false }: { piece: Piece; onAdd: (piece: Piece) => void; named?: boolean }) {
  return (
    <button
      type="button"
      draggable
      aria-label={`Add ${piece.title}`}
      title={named ? piece.detail : `${piece.title}: ${piece.detail}`}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAG_TYPE, piece.key);
        event.dataTransfer.effectAllowed = "copy";
      }}
      // A double click adds one, too.
      onClick={(event) => event.detail <= 1 && onAdd(piece)}
      className={`flex shrink-0 cursor-grab items-center gap-2.5 rounded-lg text-left font-medium text-ink-2 hover:bg-hover hover:text-ink active:cursor-grabbing ${named ? "w-full px-2 py-1.5" : "size-9 justify-center"}`}
    >
      <TypeIcon type={piece.type} size={named ? 16 : 18} />
      {named && <span className="truncate">{piece.title}</span>}
    </button>
  );
}
