import { useLayoutEffect, useRef, useState } from "react";
import { Button } from "../../ui/button";
import { clock } from "../../ui/time";
import { useRunScope, useStore } from "../run-context";
import { Section } from "../run-panel";
import { type LogLine, logLines } from "./history";
import { useHistory } from "./use-history";

const AT_FIRST = 200;
const NEAR_END = 24;

const INK: Record<string, string> = { debug: "text-ink-3", info: "text-ink-2", warning: "text-waiting", error: "text-failed" };

/** What a node has written into its log; stays at the end while one looks at the end. */
export function Logs({ node, iteration, seq }: { node: string; iteration: number; seq: number }) {
  const { store } = useRunScope();
  const pruned = useStore(store, (known) => known.log.pruned);
  const lines = logLines(useHistory(node, iteration, seq));
  const [all, setAll] = useState(false);
  const shown = all ? lines : lines.slice(-AT_FIRST);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  if (lines.length === 0) return pruned > 0 ? <p className="text-xs text-ink-2">What it may have written into its log is no longer kept.</p> : null;
  const scrolled = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current!;
    atEnd.current = scrollTop + clientHeight >= scrollHeight - NEAR_END;
  };
  return (
    <Section title="Log" aside={<span className="text-xs text-ink-3 tabular-nums">{lines.length.toLocaleString()}</span>}>
      <div
        ref={box}
        onScroll={scrolled}
        tabIndex={0}
        role="region"
        aria-label="Log"
        className="max-h-72 overflow-y-auto rounded-lg border border-line bg-sunken py-1"
      >
        {shown.length < lines.length && (
          <Button kind="quiet" className="w-full justify-center" onClick={() => setAll(true)}>
            Show {(lines.length - shown.length).toLocaleString()} earlier lines
          </Button>
        )}
        <ol>
          {shown.map((line) => (
            <Line key={line.seq} line={line} />
          ))}
        </ol>
      </div>
    </Section>
  );
}

function Line({ line: { at, level, message, fields } }: { line: LogLine }) {
  const more = Object.entries(fields);
  return (
    <li className="flex gap-2 px-3 py-0.5 font-mono text-[11px] leading-[1.6]">
      <time dateTime={at} title={clock(at)} className="shrink-0 text-ink-3 tabular-nums">
        {new Date(at).toLocaleTimeString(undefined, { hour12: false })}
      </time>
      <span className={`w-12 shrink-0 font-semibold ${INK[level] ?? "text-ink-2"}`}>{level}</span>
      <span className="min-w-0 [overflow-wrap:anywhere] whitespace-pre-wrap">
        {message}
        {more.map(([name, value]) => (
          <span key={name} className="text-ink-3">
            {" "}
            {name}={JSON.stringify(value)}
          </span>
        ))}
      </span>
    </li>
  );
}
