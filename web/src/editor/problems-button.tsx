import * as Popover from "@radix-ui/react-popover";
import { useRef, useState } from "react";
import { Spinner } from "../ui/button";
import { Icon } from "../ui/icons";
import type { Selection } from "./document";
import { ProblemList } from "./problem-list";
import { useEditor } from "./use-editor";

/** What the server says of the graph as it is now. */
export function ProblemsButton({ onGo }: { onGo: (selection: Selection) => void }) {
  const problems = useEditor((state) => state.problems);
  const checking = useEditor((state) => state.checking);
  const empty = useEditor((_, store) => store.doc.nodes.length === 0);
  const [open, setOpen] = useState(false);
  const went = useRef(false);
  if (empty) return null;
  if (checking === "unreachable") return <Note text="Not checked" title="The server cannot be reached. The graph is checked as soon as it can." color="var(--st-waiting)" />;
  if (problems.length === 0) {
    return checking === "checking" ? (
      <span role="status" aria-label="Checking" className="text-ink-3">
        <Spinner />
      </span>
    ) : (
      <Note text="No problems" title="The server would run this graph." color="var(--st-completed)" />
    );
  }
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger onClick={() => (went.current = false)} className="inline-flex h-7 items-center gap-1.5 rounded-full bg-failed-soft px-2.5 text-xs font-medium whitespace-nowrap text-failed hover:brightness-105">
        <Icon name="warning" size={13} />
        {problems.length === 1 ? "1 problem" : `${problems.length} problems`}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content onCloseAutoFocus={(event) => went.current && event.preventDefault()} align="end" sideOffset={8} collisionPadding={12} className="appearing z-30 max-h-[60vh] w-96 max-w-[92vw] overflow-y-auto rounded-xl border border-line bg-raised p-2 shadow-pop">
          <ProblemList
            problems={problems}
            onGo={(selection) => {
              went.current = true;
              setOpen(false);
              onGo(selection);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Note({ text, title, color }: { text: string; title: string; color: string }) {
  return (
    <span role="status" title={title} className="hidden items-center gap-1.5 text-xs whitespace-nowrap text-ink-2 sm:inline-flex">
      <span className="size-1.5 rounded-full" style={{ background: color }} />
      {text}
    </span>
  );
}
