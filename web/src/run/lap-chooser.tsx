import type { Lap } from "../stream/state";
import { Select } from "../ui/field";
import { StatusIcon, statusWord } from "../ui/status";

const AS_BUTTONS = 6;

interface Props {
  laps: readonly Lap[];
  chosen: number;
  onChoose: (iteration: number) => void;
}

function lapName(lap: Lap): string {
  return `Lap ${lap.path.length > 0 ? lap.path.map((turn) => turn + 1).join(".") : lap.iteration + 1}`;
}

/** The turns of a node inside a loop: buttons for a few, a list for many. */
export function LapChooser({ laps, chosen, onChoose }: Props) {
  if (laps.length > AS_BUTTONS) {
    return (
      <Select aria-label="Lap" value={chosen} onChange={(event) => onChoose(Number(event.target.value))} className="w-full">
        {laps.map((lap) => (
          <option key={lap.iteration} value={lap.iteration}>
            {lapName(lap)}: {statusWord(lap.status)}
          </option>
        ))}
      </Select>
    );
  }
  return (
    <div role="group" aria-label="Lap" className="flex flex-wrap gap-1 rounded-lg bg-hover p-0.5">
      {laps.map((lap) => (
        <button
          key={lap.iteration}
          type="button"
          aria-pressed={lap.iteration === chosen}
          onClick={() => onChoose(lap.iteration)}
          className={`flex grow items-center justify-center gap-1.5 rounded-md px-2 py-1 text-xs font-medium ${lap.iteration === chosen ? "bg-raised text-ink shadow-card" : "text-ink-2 hover:text-ink"}`}
        >
          <StatusIcon status={lap.status} size={12} />
          {lapName(lap)}
        </button>
      ))}
    </div>
  );
}
