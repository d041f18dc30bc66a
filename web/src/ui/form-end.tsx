import type { ReactNode } from "react";
import { Button } from "./button";
import type { IconName } from "./icons";
import { ErrorBox } from "./states";

interface Props {
  /** What the server has against it. */
  error: unknown;
  icon: IconName;
  busy: boolean;
  /** Whether everything is there that it takes. */
  complete: boolean;
  children: ReactNode;
}

/** The end of a form that makes something: what was wrong with it, and the button. */
export function FormEnd({ error, icon, busy, complete, children }: Props) {
  return (
    <>
      {error !== null && error !== undefined && <ErrorBox error={error} />}
      <div className="flex justify-end">
        <Button type="submit" kind="primary" icon={icon} busy={busy} disabled={!complete}>
          {children}
        </Button>
      </div>
    </>
  );
}
