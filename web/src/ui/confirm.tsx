import { type FormEvent, type ReactNode, useState } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { ErrorBox } from "./states";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** What the button says: the deed, not "OK". */
  action: string;
  /** What has to be typed before the button works. */
  typed?: string;
  busy: boolean;
  error: unknown;
  onConfirm: () => void;
  children: ReactNode;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ open, onOpenChange, title, action, typed, busy, error, onConfirm, children }: Props) {
  const [said, setSaid] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onConfirm();
  };
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title}>
      <form onSubmit={submit} className="space-y-4">
        <div className="max-w-md space-y-2 text-ink-2">{children}</div>
        {typed !== undefined && <Field label={`Type “${typed}” to confirm`} value={said} onChange={(event) => setSaid(event.target.value)} autoComplete="off" />}
        {error !== null && error !== undefined && <ErrorBox error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={() => onOpenChange(false)}>Keep it</Button>
          <Button type="submit" kind="danger" busy={busy} disabled={typed !== undefined && said !== typed}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
