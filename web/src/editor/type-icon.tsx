const PATHS: Record<string, string> = {
  input: "M2.5 8h7M7 5.5L9.5 8 7 10.5M9 3h4.5v10H9",
  output: "M7 3H2.5v10H7M6.5 8h7M11 5.5L13.5 8 11 10.5",
  http: "M8 2.2a5.8 5.8 0 1 0 0 11.6 5.8 5.8 0 0 0 0-11.6zM2.2 8h11.6M8 2.2c2.4 2 2.4 9.6 0 11.6M8 2.2c-2.4 2-2.4 9.6 0 11.6",
  llm: "M8 2l1.5 4.5L14 8 9.5 9.5 8 14 6.5 9.5 2 8l4.5-1.5z",
  tool: "M10.6 2.6a3.4 3.4 0 0 0-3.9 4.5L2.6 11.2a1.55 1.55 0 0 0 2.2 2.2l4.1-4.1a3.4 3.4 0 0 0 4.5-3.9l-2 2-2.2-.6-.6-2.2z",
  transform: "M6 2.8c-1.8 0-2.2.8-2.2 2.2v1.3c0 1-.5 1.7-1.6 1.7 1.1 0 1.6.7 1.6 1.7V11c0 1.4.4 2.2 2.2 2.2M10 2.8c1.8 0 2.2.8 2.2 2.2v1.3c0 1 .5 1.7 1.6 1.7-1.1 0-1.6.7-1.6 1.7V11c0 1.4-.4 2.2-2.2 2.2",
  condition: "M2.5 8h4l4-4H13M6.5 8l4 4H13M11.5 2.5L13 4l-1.5 1.5M11.5 10.5L13 12l-1.5 1.5",
  map: "M5.5 5.5h8v8h-8zM3.8 10.5H2.5v-8h8v1.3",
  subworkflow: "M2.5 2.5h11v11h-11zM5 8h2M9 5h2.3v2.3H9zM9 8.7h2.3V11H9zM7 6.2h2M7 6.2v3.7h2",
  approval: "M6.5 2.8a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6zM2.3 13.2c.3-2.6 1.9-4 4.2-4 1 0 1.9.3 2.6.8M9.8 11.6l1.5 1.5 2.6-3",
  delay: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 4.9V8l2.1 1.4",
};
const OTHER = "M8 2l5.2 3v6L8 14l-5.2-3V5z";

export function TypeIcon({ type, size = 16 }: { type: string; size?: number }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} className="shrink-0" aria-hidden>
      <path d={PATHS[type] ?? OTHER} fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
