import { found, type Piece } from "./pieces";
import { type Choice, Picker } from "./picker";
import { TypeIcon } from "./type-icon";
import { useEditorScope } from "./use-editor";

interface AddProps {
  title?: string;
  pieces: readonly Piece[];
  onPick: (piece: Piece) => void;
  onClose: () => void;
}

export function AddPicker({ title = "Add a node", pieces, onPick, onClose }: AddProps) {
  const find = (search: string) => found(pieces, search).map((piece) => ({ ...piece, icon: <Tile type={piece.type} /> }));
  return <Picker title={title} label="Search types and tools" find={find} onPick={onPick} onClose={onClose} empty="Nothing is called that." />;
}

interface NodeProps {
  title: string;
  onPick: (id: string) => void;
  onClose: () => void;
}

const MOST = 100;

export function NodePicker({ title, onPick, onClose }: NodeProps) {
  const { store } = useEditorScope();
  const find = (search: string): Choice[] => {
    const wanted = search.trim().toLowerCase();
    return store.doc.nodes
      .map((node) => ({ key: node.id, title: typeof node.name === "string" && node.name ? node.name : node.id, detail: node.id === node.name || !node.name ? node.type : `${node.id} · ${node.type}`, icon: <Tile type={node.type} /> }))
      .filter(({ key, title }) => `${title} ${key}`.toLowerCase().includes(wanted))
      .slice(0, MOST);
  };
  return <Picker title={title} label="Search nodes" find={find} onPick={({ key }) => onPick(key)} onClose={onClose} empty="No node is called that." />;
}

function Tile({ type }: { type: string }) {
  return (
    <span className="grid size-8 shrink-0 place-items-center rounded-lg bg-accent-soft text-accent">
      <TypeIcon type={type} />
    </span>
  );
}
