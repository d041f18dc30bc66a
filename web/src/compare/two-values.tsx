import { JsonView } from "../ui/json-view";
import { same } from "./compare";

/** One thing of both runs: once where it is the same, else side by side. */
export function TwoValues({ title, a, b }: { title: string; a: unknown; b: unknown }) {
  const alike = same(a, b);
  return (
    <section aria-label={title} data-same={alike}>
      <h3 className="mb-1.5 flex items-center gap-2 text-xs font-semibold text-ink-2">
        {title}
        <span className={`font-normal ${alike ? "text-ink-3" : "text-waiting"}`}>{alike ? "the same in both" : "not the same"}</span>
      </h3>
      {alike ? (
        <JsonView value={a ?? null} label={title} fileName={`${title}.json`} />
      ) : (
        <div className="grid gap-3 md:grid-cols-2">
          <JsonView value={a ?? null} label={`${title} of the first run`} fileName={`${title}-1.json`} />
          <JsonView value={b ?? null} label={`${title} of the second run`} fileName={`${title}-2.json`} />
        </div>
      )}
    </section>
  );
}
