import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { apiKey } from "../api/key";
import { Button } from "./button";
import { Icon, type IconName } from "./icons";

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      <span className="mb-4 grid size-11 place-items-center rounded-xl border border-line bg-surface text-ink-3 shadow-card">
        <Icon name={icon} size={20} />
      </span>
      <h2 className="text-[15px] font-semibold">{title}</h2>
      <div className="mt-1 max-w-md text-ink-2">{children}</div>
    </div>
  );
}

export function ErrorBox({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const items = error instanceof ApiError ? error.items : [];
  return (
    <div role="alert" className="rounded-xl border border-failed/30 bg-failed-soft px-4 py-3">
      <div className="flex items-start gap-2.5">
        <Icon name="warning" className="mt-0.5 text-failed" />
        <div className="min-w-0 grow">
          <p className="font-medium break-words">{error instanceof Error ? error.message : String(error)}</p>
          {items.length > 0 && (
            <ul className="mt-1.5 space-y-1 text-ink-2">
              {items.map((item, index) => (
                <li key={index} className="break-words">
                  {item.pointer && <code className="mr-1.5 font-mono text-xs">{item.pointer}</code>}
                  {item.message}
                </li>
              ))}
            </ul>
          )}
        </div>
        {retry && <Button onClick={retry}>Try again</Button>}
      </div>
    </div>
  );
}

/** What stands in a page's place when it could not be read: what is wrong, and what one can do about it. */
export function Failed({ error, retry, what }: { error: unknown; retry: () => void; what: string }) {
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 403) {
    return (
      <Empty icon="key" title={`Your key may not see ${what}`}>
        <p>{error instanceof Error && error.message}</p>
        <Button className="mt-3" icon="key" onClick={() => apiKey.change(true)}>
          Use another key
        </Button>
      </Empty>
    );
  }
  if (status === 404) {
    return (
      <Empty icon="search" title="It is not there">
        <p>{error instanceof Error && error.message} It may have been deleted, or your key belongs to another project.</p>
      </Empty>
    );
  }
  return (
    <div className="p-5">
      <ErrorBox error={error} retry={retry} />
    </div>
  );
}

export function Skeleton({ rows = 5 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="late space-y-2.5 p-4">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="breathing h-9 rounded-lg bg-hover" style={{ opacity: 1 - index * 0.13 }} />
      ))}
    </div>
  );
}
