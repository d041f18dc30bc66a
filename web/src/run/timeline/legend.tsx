import type { Status } from "../../api/types";
import { LOOKS } from "./looks";

/** What was at work has the colour of what came of it. */
const ENDS: [string, Status][] = [
  ["Completed", "COMPLETED"],
  ["Failed", "FAILED"],
];

/** What the bars mean. */
export function Legend() {
  const { running } = LOOKS;
  const ended = ENDS.map(([word, status]) => ({ ...running, word, status }));
  return (
    <ul aria-label="What the bars mean" className="flex flex-wrap items-center gap-x-3">
      {[LOOKS.queued, running, ...ended, LOOKS.waiting, LOOKS.retrying].map(({ word, look, status }) => (
        <li key={word} data-status={status} className="flex items-center gap-1.5">
          <span aria-hidden className={`inline-block w-4 rounded-xs ${look}`} />
          {word}
        </li>
      ))}
    </ul>
  );
}
