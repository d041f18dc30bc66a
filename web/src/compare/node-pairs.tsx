import { Fragment, useState } from "react";
import { Icon } from "../ui/icons";
import { StatusIcon, statusWord } from "../ui/status";
import { span } from "../ui/time";
import type { Difference, Pair, Side } from "./compare";
import { TwoValues } from "./two-values";

const PAGE = 200;

const WORDS: Record<Difference, string> = { status: "Another status", error: "Another error", output: "Another output", laps: "Other laps", presence: "Only in one" };

/** The nodes of both runs, those that differ first, each with its results when asked for them. */
export function NodePairs({ pairs }: { pairs: readonly Pair[] }) {
  const [onlyOther, setOnlyOther] = useState(false);
  const [most, setMost] = useState(PAGE);
  const [open, setOpen] = useState<string | null>(null);
  const different = pairs.filter((pair) => pair.difference !== null);
  const shown = onlyOther ? different : [...different, ...pairs.filter((pair) => pair.difference === null)];
  return (
    <section aria-label="Nodes">
      <div className="mb-2 flex flex-wrap items-center gap-x-4 gap-y-1">
        <h2 className="text-[15px] font-semibold">Nodes</h2>
        <p role="status" className="text-ink-2">
          {different.length === 0 ? `All ${pairs.length} came to the same.` : `${different.length} of ${pairs.length} came to something else.`}
        </p>
        <label className="ml-auto flex items-center gap-2 text-ink-2">
          <input type="checkbox" checked={onlyOther} onChange={(event) => setOnlyOther(event.target.checked)} className="accent-(--accent)" />
          Differences only
        </label>
      </div>
      <div className="overflow-x-auto rounded-lg border border-line">
        <table className="w-full min-w-[20rem] table-fixed text-left">
          <thead className="bg-sunken text-xs text-ink-3">
            <tr>
              <th scope="col" className="py-1.5 pl-3 font-medium">Node</th>
              <th scope="col" className="w-16 py-1.5 font-medium sm:w-40">First<span className="max-sm:hidden"> run</span></th>
              <th scope="col" className="w-16 py-1.5 font-medium sm:w-40">Second<span className="max-sm:hidden"> run</span></th>
              <th scope="col" className="w-28 py-1.5 pr-3 font-medium sm:w-36">Differs in</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, most).map((pair) => (
              <Fragment key={pair.id}>
                <Row pair={pair} open={open === pair.id} onToggle={() => setOpen(open === pair.id ? null : pair.id)} />
                {open === pair.id && (
                  <tr>
                    <td colSpan={4} className="space-y-3 px-3 pt-1 pb-4">
                      <TwoValues title="Output" a={valueOf(pair.a)} b={valueOf(pair.b)} />
                      <TwoValues title="Input" a={pair.a?.input} b={pair.b?.input} />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
        {shown.length > most && (
          <button type="button" onClick={() => setMost(most + 5 * PAGE)} className="w-full border-t border-line py-2 text-xs font-medium text-accent -outline-offset-2 hover:bg-hover">
            Show more of {shown.length.toLocaleString()}
          </button>
        )}
      </div>
    </section>
  );
}

function valueOf(side: Side | null): unknown {
  return side?.status === "FAILED" ? { error: side.error } : side?.output;
}

function Row({ pair: { id, name, type, a, b, difference }, open, onToggle }: { pair: Pair; open: boolean; onToggle: () => void }) {
  return (
    <tr data-pair={id} data-difference={difference ?? "none"} className="border-t border-line hover:bg-hover/60">
      <th scope="row" className="p-0 font-medium">
        <button type="button" aria-expanded={open} onClick={onToggle} className="flex w-full min-w-0 items-center gap-1.5 py-2 pr-3 pl-2.5 text-left -outline-offset-2">
          <Icon name={open ? "down" : "chevron"} size={11} className="text-ink-3" />
          <span className="truncate">{name}</span>
          <span className="truncate text-xs font-normal text-ink-3 max-sm:hidden">{type}</span>
        </button>
      </th>
      <Cell side={a} />
      <Cell side={b} />
      <td className="py-2 pr-3 text-xs">{difference === null ? <span className="text-ink-3">the same</span> : <span className="font-semibold text-waiting">{WORDS[difference]}</span>}</td>
    </tr>
  );
}

function Cell({ side }: { side: Side | null }) {
  return (
    <td className="py-2 text-xs">
      {side === null ? (
        <span className="text-ink-3">not in its graph</span>
      ) : (
        <span className="flex items-center gap-1.5">
          <StatusIcon status={side.status} size={13} still />
          <span className="max-sm:sr-only">{statusWord(side.status)}</span>
          {side.laps > 1 && <span className="text-ink-3 tabular-nums">×{side.laps}</span>}
          {side.took !== null && <span className="text-ink-3 tabular-nums max-sm:hidden">{span(side.took)}</span>}
        </span>
      )}
    </td>
  );
}
