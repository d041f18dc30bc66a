import { clock, countdown } from "./time";
import { useNow } from "./use-now";

/** The time that is left until a moment, going down by the second. */
export function Countdown({ until, past = "any moment" }: { until: string; past?: string }) {
  const now = useNow(1000);
  const left = Date.parse(until) - now;
  return (
    <time dateTime={until} title={clock(until)} className="whitespace-nowrap tabular-nums" data-countdown>
      {left > 0 ? countdown(left) : past}
    </time>
  );
}
