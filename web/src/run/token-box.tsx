import { useLayoutEffect, useRef } from "react";
import { Section } from "./run-panel";

const NEAR_END = 24;

/** Text as it comes; stays at the end while one looks at the end. */
export function TokenBox({ text, live }: { text: string; live: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  const scrolled = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current!;
    atEnd.current = scrollTop + clientHeight >= scrollHeight - NEAR_END;
  };
  return (
    <Section title={live ? "Text so far" : "Text"}>
      <div
        ref={box}
        onScroll={scrolled}
        tabIndex={0}
        role="region"
        aria-label="Text"
        className="h-56 overflow-y-auto rounded-lg border border-line bg-sunken px-3 py-2.5 [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        {text}
        {live && <span aria-hidden className="breathing ml-0.5 inline-block h-3.5 w-1.5 translate-y-0.5 rounded-xs bg-accent" />}
      </div>
    </Section>
  );
}
