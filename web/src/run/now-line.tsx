import { Link } from "@tanstack/react-router";
import { Fragment, useState } from "react";
import type { Run } from "../api/types";
import { Button } from "../ui/button";
import { Countdown } from "../ui/countdown";
import { StatusIcon } from "../ui/status";
import { ErrorBox } from "../ui/states";
import { useRunScope, useStore } from "./run-context";
import { type ResumeBody, useResume } from "./use-resume";
import { sentence, type Waiting, waitingNodes, WAITS, WAITS_SOMEHOW } from "./waiting";

const NAMED = 2;

/** What a run waits for, and what one can do about it as a whole. */
export function useNowLine(run: Run) {
  const { store, graph } = useRunScope();
  useStore(store, (known) => known.version);
  const live = run.status !== "PENDING" && run.finished_at === null;
  const waiting = live ? waitingNodes(graph, (id) => store.node(id)) : [];
  const said = live ? sentence(run, waiting) : "";
  const { act, busy, error } = useRunWide(waiting, run);
  return { said, waiting, act, busy, error };
}

export type NowLineProps = { run: Run } & Omit<ReturnType<typeof useNowLine>, "error">;

/** Its place is kept, so that nothing moves when there is something to say; on a phone until the run has ended. */
export function NowLine({ run, said, waiting, act, busy, ended }: NowLineProps & { ended: boolean }) {
  const retrying = run.status === "RETRYING";
  return (
    <div data-now className={`flex min-h-8 min-w-0 basis-full items-center gap-2 xl:basis-auto ${ended ? "max-md:sr-only" : ""}`}>
      <p role="status" className="sr-only">
        {said}
      </p>
      {said !== "" && (
        <>
          <StatusIcon status={retrying ? "RETRYING" : "WAITING"} size={14} still />
          <span className="flex min-w-0 items-center gap-1 overflow-hidden whitespace-nowrap text-ink">
            {retrying ? <Again at={run.wake_at} /> : <For waiting={waiting} run={run} />}
          </span>
          {retrying && (
            <Button icon="runs" needs="runner" busy={busy} onClick={() => act({})} className="!h-7">
              Go on now
            </Button>
          )}
          {waiting.some(({ code }) => code === "breakpoint") && (
            <>
              <Button icon="step" needs="runner" busy={busy} onClick={() => act({ mode: "step" })} className="!h-7">
                Step
              </Button>
              <Button icon="through" needs="runner" busy={busy} title="Run to the end" onClick={() => act({ mode: "run" })} className="!h-7">
                <span className="max-sm:sr-only">Run to the end</span>
              </Button>
            </>
          )}
        </>
      )}
    </div>
  );
}

export function NowError({ error }: { error: Error | null }) {
  return error ? (
    <div className="px-5 pb-3">
      <ErrorBox error={error} />
    </div>
  ) : null;
}

/** What is asked of a run stays asked until what it waits for has changed: that is the server's word. */
function useRunWide(waiting: readonly Waiting[], run: Run) {
  const resume = useResume();
  const mark = `${run.status}/${run.attempt}/${waiting.map(({ id, lap }) => `${id}:${lap.iteration}:${lap.seq}`).join()}`;
  const [asked, setAsked] = useState<string | null>(null);
  const same = asked?.slice(asked.indexOf("/")) === mark.slice(mark.indexOf("/"));
  const busy = resume.isPending || (resume.isSuccess && same);
  const act = (body: ResumeBody) => {
    setAsked(mark);
    resume.mutate(body);
  };
  return { act, busy, error: same ? resume.error : null };
}

function Again({ at }: { at: string | null }) {
  return <span className="truncate">Goes on by itself {at && <>in <Countdown until={at} /></>}</span>;
}

function For({ waiting, run }: { waiting: readonly Waiting[]; run: Run }) {
  const first = waiting[0];
  if (!first) return <span className="truncate">{run.reason?.message ?? "Waits"}</span>;
  const alike = waiting.filter(({ code }) => code === first.code);
  const others = waiting.length - Math.min(alike.length, NAMED);
  return (
    <>
      <span className="truncate">
        {WAITS[first.code] ?? WAITS_SOMEHOW}{" "}
        {alike.slice(0, NAMED).map((item, index) => (
          <Fragment key={item.id}>
            {index > 0 && ", "}
            <NodeLink {...item} />
          </Fragment>
        ))}
      </span>
      {others > 0 && <span className="shrink-0 text-ink-2">and {others} more</span>}
      {first.lap.wakeAt && first.code !== "breakpoint" && (
        <span className="shrink-0 text-ink-2">
          · <Countdown until={first.lap.wakeAt} /> left
        </span>
      )}
    </>
  );
}

function NodeLink({ id, name, lap }: Waiting) {
  const { project, runId } = useRunScope();
  const search = { node: id, ...(lap.iteration > 0 ? { iteration: lap.iteration } : {}) };
  return (
    <Link to="/projects/$project/runs/$run" params={{ project, run: runId }} search={search} replace className="rounded-sm -outline-offset-2 font-semibold text-accent hover:underline">
      {name}
    </Link>
  );
}
