import { useEffect, useRef } from "react";
import type { Lap } from "../../stream/state";
import { CopyButton } from "../../ui/copy-button";
import { StatusIcon, statusWord } from "../../ui/status";
import { between, clock, span } from "../../ui/time";
import { Section } from "../run-panel";
import { linkHere } from "../search";
import { type Attempt, attempts } from "./history";
import { useHistory } from "./use-history";

/** Each try of a turn that needed more than one. */
export function Attempts({ node, lap, chosen }: { node: string; lap: Lap; chosen: number | undefined }) {
  const found = attempts(useHistory(node, lap.iteration, lap.seq));
  if (found.length < 2 && chosen === undefined) return null;
  return (
    <Section title="Attempts" aside={<span className="text-xs text-ink-3 tabular-nums">{found.length}</span>}>
      <ol className="overflow-hidden rounded-lg border border-line">
        {found.map((attempt) => (
          <Try key={attempt.seq} attempt={attempt} node={node} iteration={lap.iteration} meant={attempt.number === chosen} />
        ))}
        {found.length === 0 && <li className="px-3 py-2 text-xs text-ink-2">What its attempts were is no longer kept.</li>}
      </ol>
    </Section>
  );
}

function Try({ attempt, node, iteration, meant }: { attempt: Attempt; node: string; iteration: number; meant: boolean }) {
  const { number, startedAt, endedAt, outcome, error, againAt } = attempt;
  const took = between(startedAt, endedAt, Date.now());
  const box = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (meant) box.current?.scrollIntoView({ block: "nearest" });
  }, [meant]);
  return (
    <li ref={box} data-attempt={number} aria-current={meant || undefined} className={`border-t border-line first:border-t-0 ${meant ? "bg-accent-soft/60" : ""}`}>
      <details open={meant || undefined}>
        <summary className="flex cursor-pointer items-center gap-2 px-3 py-1.5 text-xs -outline-offset-2 hover:bg-hover">
          <StatusIcon status={outcome} size={13} still />
          <span className="shrink-0 font-medium">Attempt {number}</span>
          <span className="min-w-0 truncate text-ink-2">{error?.message ?? statusWord(outcome)}</span>
          {endedAt !== null && took !== null && <span className="ml-auto shrink-0 text-ink-3 tabular-nums">{span(took)}</span>}
        </summary>
        <div className="space-y-2 px-3 pt-1 pb-3 text-xs">
          <p className="text-ink-2">
            Began {clock(startedAt)}
            {againAt !== null && `, the next was put off to ${clock(againAt)}`}
          </p>
          {error && (
            <p className="[overflow-wrap:anywhere] whitespace-pre-wrap">
              <span className="font-mono font-semibold text-failed">{error.type}</span> {error.message}
            </p>
          )}
          {error?.stack && <pre className="max-h-60 overflow-auto rounded-md bg-sunken px-2.5 py-2 font-mono text-[11px] leading-relaxed">{error.stack}</pre>}
          <CopyButton label={`Copy a link to attempt ${number}`} text={() => linkHere({ node, ...(iteration > 0 ? { iteration } : {}), attempt: number })}>
            Copy link
          </CopyButton>
        </div>
      </details>
    </li>
  );
}
