import { useId, useState } from "react";
import type { Json } from "../api/types";
import { parseInput } from "../runs/example-input";
import { Button } from "../ui/button";
import { CONTROL } from "../ui/field";
import { ErrorBox } from "../ui/states";
import { useRunScope, useStore } from "./run-context";
import { useResume } from "./use-resume";
import { waitingNodes } from "./waiting";

/** At a breakpoint: what concerns this node alone. The head of the page steps the whole run. */
export function StopBox({ node, iteration }: { node: string; iteration: number }) {
  const { store, graph } = useRunScope();
  const stopped = useStore(store, (known) => waitingNodes(graph, (id) => known.node(id)).filter(({ code }) => code === "breakpoint").length);
  const resume = useResume();
  const busy = resume.isPending || resume.isSuccess;
  return (
    <div className="space-y-3">
      <p className="text-ink-2">Below is the input that it would get. Step on above, or give its output yourself.</p>
      {stopped > 1 && (
        <Button icon="step" needs="runner" busy={busy} onClick={() => resume.mutate({ node_id: node, iteration, mode: "step" })}>
          Step this node only
        </Button>
      )}
      <Override busy={busy} onSend={(output) => resume.mutate({ node_id: node, iteration, outputs: { [node]: output } })} />
      {resume.isError && <ErrorBox error={resume.error} />}
    </div>
  );
}

function Override({ busy, onSend }: { busy: boolean; onSend: (output: Json) => void }) {
  const [text, setText] = useState("");
  const id = useId();
  const parsed = parseInput(text);
  const wrong = text.trim() !== "" && !parsed.ok;
  return (
    <details>
      <summary className="cursor-pointer text-xs font-semibold text-ink-2 hover:text-ink">Give its output instead of running it</summary>
      <label htmlFor={id} className="mt-2 mb-1.5 block font-medium">
        Output
      </label>
      <textarea
        id={id}
        value={text}
        onChange={(event) => setText(event.target.value)}
        rows={4}
        spellCheck={false}
        aria-invalid={wrong}
        aria-describedby={`${id}-note`}
        className={`${CONTROL} resize-y py-2 font-mono text-xs leading-relaxed`}
      />
      <p id={`${id}-note`} className={`mt-1.5 mb-3 text-xs ${wrong ? "text-failed" : "text-ink-2"}`}>
        {wrong && !parsed.ok ? parsed.message : "JSON. The node does not run, and the nodes behind it get this."}
      </p>
      <Button icon="check" needs="runner" busy={busy} disabled={text.trim() === "" || wrong} onClick={() => parsed.ok && onSend(parsed.value)}>
        Use this output
      </Button>
    </details>
  );
}
