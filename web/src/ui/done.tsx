import type { ReactNode } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";

interface Props {
  title: string;
  description?: string;
  onClose: () => void;
  children: ReactNode;
}

/** What was made, and what can be read of it this once. */
export function Done({ title, description, onClose, children }: Props) {
  return (
    <Dialog open onOpenChange={onClose} title={title} {...(description ? { description } : {})}>
      <div className="space-y-4">
        {children}
        <div className="flex justify-end">
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
