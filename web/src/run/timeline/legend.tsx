import { LOOKS } from "./looks";

/** What the bars mean. */
export function Legend() {
  return (
    <ul aria-label="What the bars mean" className="flex flex-wrap items-center gap-x-3">
      {Object.entries(LOOKS).map(([kind, { word, look }]) => (
        <li key={kind} data-status={LOOKS[kind as keyof typeof LOOKS].status} className="flex items-center gap-1.5">
          <span aria-hidden className={`inline-block w-4 rounded-xs ${look}`} />
          {word}
        </li>
      ))}
    </ul>
  );
}
