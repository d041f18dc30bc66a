import { useRef } from "react";
import { AnswerForm } from "../answers/answer-form";
import { useWhyNot } from "../api/me";
import type { Json, Reason } from "../api/types";
import { Countdown } from "../ui/countdown";
import { StatusIcon } from "../ui/status";
import { useResume } from "./use-resume";

interface Props {
  node: string;
  iteration: number;
  /** Of a map: the path of the item that asks. */
  item?: number[];
  reason: Reason;
  wakeAt: string | null;
}

/** What a person is asked, and the form for the answer. It stays until the server says that the wait is over. */
export function Approval(props: Props) {
  return <ApprovalForm {...props} resume={useResume()} />;
}

interface FormProps extends Props {
  resume: ReturnType<typeof useResume>;
}

export function ApprovalForm({ node, iteration, item, reason, wakeAt, resume }: FormProps) {
  const box = useRef<HTMLDivElement>(null);
  const why = useWhyNot("runner");
  const send = (answer: Json) => {
    const body = { node_id: node, iteration, ...(item ? { item } : {}), answer };
    resume.mutate(body, { onSuccess: () => box.current?.focus() });
  };
  return (
    <div ref={box} tabIndex={-1} data-approval={item?.join(".") ?? ""} className="space-y-4">
      <p className="max-h-72 overflow-y-auto [overflow-wrap:anywhere] whitespace-pre-wrap">{reason.prompt || "The run waits for an answer."}</p>
      {wakeAt && (
        <p className="text-xs text-ink-2">
          <Countdown until={wakeAt} past="No time" /> left to answer
        </p>
      )}
      <p role="status" className={resume.isSuccess ? "flex items-center gap-2 font-medium" : "sr-only"}>
        {resume.isSuccess && (
          <>
            <StatusIcon status="QUEUED" size={14} />
            Answer sent. The run goes on as soon as a worker takes it up.
          </>
        )}
      </p>
      {why && <p className="text-ink-2">{why}</p>}
      {!why && !resume.isSuccess && <AnswerForm schema={reason.schema} label={`Answer for ${item ? `item ${item.join(".")} of ` : ""}${node}`} busy={resume.isPending} error={resume.error} onSend={send} />}
    </div>
  );
}
