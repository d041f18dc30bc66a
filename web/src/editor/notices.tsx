import type { ReactNode } from "react";
import { useState } from "react";
import { Button } from "../ui/button";
import { Icon, type IconName } from "../ui/icons";
import { ago, clock } from "../ui/time";
import { useNow } from "../ui/use-now";
import { autosaved } from "./autosave";
import type { KeptDraft } from "./drafts";
import { baseOf, type Opening, writtenIn } from "./opening";
import { useEditor, useEditorScope } from "./use-editor";

/** What was not saved the last time, and what others have done since. */
export function Notices({ opening }: { opening: Opening }) {
  const { store } = useEditorScope();
  const base = useEditor((state) => state.base);
  const [gone, setGone] = useState<readonly string[]>([]);
  const hide = (key: string) => setGone((before) => [...before, key]);
  const dirty = useEditor((_, known) => known.dirty);
  return (
    <>
      {opening.reopened !== null && dirty && !gone.includes("reopened") && (
        <Notice icon="save" onClose={() => hide("reopened")} text={<>Your unsaved changes of <Ago at={opening.reopened} /> are open again.</>}>
          <Button
            kind="quiet"
            onClick={() => {
              store.set({ pane: null });
              store.change(base?.doc ?? { nodes: [], edges: [] }, "Back to what is saved", { numbers: base?.numbers ?? new Map() });
              hide("reopened");
            }}
          >
            {base ? `Back to version ${base.version}` : "Begin anew"}
          </Button>
        </Notice>
      )}
      {opening.newer !== null && base?.version !== opening.newer && !gone.includes("newer") && (
        <Notice icon="warning" onClose={() => hide("newer")} text={`Version ${opening.newer} was saved meanwhile; this is still based on version ${base?.version}. When you save, you see both.`} />
      )}
      {opening.others.map((draft) => !gone.includes(draft.slot) && <Other key={draft.slot} draft={draft} slot={opening.slot} onDone={() => hide(draft.slot)} />)}
    </>
  );
}

function Other({ draft, slot, onDone }: { draft: KeptDraft; slot: string; onDone: () => void }) {
  const { store, project, workflow } = useEditorScope();
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const open = async () => {
    const written = writtenIn(draft);
    if (!written) return onDone();
    setBusy(true);
    try {
      const { base } = store.get();
      if (base && workflow !== null) store.set({ base: await baseOf(draft, base, project, workflow) });
      store.set({ pane: draft.pane, ...(base ? {} : { name: draft.name }) });
      store.change(written.doc, "Open unsaved changes", { numbers: written.numbers });
      if (autosaved(store, localStorage, slot)) localStorage.removeItem(draft.slot);
      onDone();
    } finally {
      setBusy(false);
    }
  };
  const drop = () => {
    localStorage.removeItem(draft.slot);
    onDone();
  };
  return (
    <Notice icon="save" onClose={onDone} text={<>There are unsaved changes from another tab or an earlier visit, of <Ago at={draft.at} />.</>}>
      <Button kind="quiet" busy={busy} onClick={() => void open()}>
        Open them
      </Button>
      <Button kind="quiet" onClick={sure ? drop : () => setSure(true)} className={sure ? "!text-failed" : ""}>
        {sure ? "Delete for good" : "Delete"}
      </Button>
    </Notice>
  );
}

function Ago({ at }: { at: number }) {
  const time = new Date(at).toISOString();
  return (
    <time dateTime={time} title={clock(time)}>
      {ago(time, useNow(30_000))}
    </time>
  );
}

interface NoticeProps {
  icon: IconName;
  text: ReactNode;
  onClose?: () => void;
  children?: ReactNode;
}

export function Notice({ icon, text, onClose, children }: NoticeProps) {
  return (
    <div role="status" className="flex flex-wrap items-center gap-x-2.5 gap-y-1 border-b border-line bg-accent-soft px-4 py-1">
      <Icon name={icon} size={14} className="text-accent" />
      <span className="min-w-0 py-1">{text}</span>
      <span className="ml-auto flex gap-1">
        {children}
        {onClose && <Button kind="quiet" icon="close" aria-label="Close" onClick={onClose} />}
      </span>
    </div>
  );
}
