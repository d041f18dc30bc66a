import { useReactFlow } from "@xyflow/react";
import { useState } from "react";
import { Button } from "../ui/button";
import type { Deeds } from "./deeds";
import { useEditorScope } from "./use-editor";

export function Tools({ deeds }: { deeds: Deeds }) {
  const rf = useReactFlow();
  const { readOnly } = useEditorScope();
  const [busy, setBusy] = useState(false);
  const tidy = () => {
    setBusy(true);
    void deeds.tidy().finally(() => setBusy(false));
  };
  return (
    <div className="absolute bottom-3 left-3 z-10 flex gap-1 rounded-xl border border-line bg-raised p-1 shadow-card">
      <Button kind="quiet" icon="minus" aria-label="Zoom out" title="Zoom out" onClick={() => void rf.zoomOut({ duration: 150 })} />
      <Button kind="quiet" icon="plus" aria-label="Zoom in" title="Zoom in" onClick={() => void rf.zoomIn({ duration: 150 })} />
      <Button kind="quiet" icon="fit" aria-label="Fit the graph" title="Fit the graph (F)" onClick={() => deeds.fit()} />
      {!readOnly && (
        <Button kind="quiet" icon="workflows" busy={busy} onClick={tidy} title="Lay everything out anew (T)">
          Tidy up
        </Button>
      )}
    </div>
  );
}
