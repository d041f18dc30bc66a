import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Button } from "../ui/button";
import type { IconName } from "../ui/icons";
import { Empty, Failed, Skeleton } from "../ui/states";

interface Props<T> {
  query: UseQueryResult<T[]>;
  /** What they are called, as in "your key may not see …". */
  what: string;
  about: string;
  add: string;
  /** The dialog that makes one. */
  maker: (close: () => void) => ReactNode;
  icon: IconName;
  none: string;
  children: (item: T) => ReactNode;
}

/** A list of things that belong to a workflow, with the way to make one; its dialog stays while the list changes behind it. */
export function Section<T>({ maker, ...list }: Props<T>) {
  const [making, setMaking] = useState(false);
  return (
    <>
      <List {...list} onAdd={() => setMaking(true)} />
      {making && maker(() => setMaking(false))}
    </>
  );
}

function List<T>({ query, what, about, add, onAdd, icon, none, children }: Omit<Props<T>, "maker"> & { onAdd: () => void }) {
  const button = (
    <Button icon="plus" needs="editor" onClick={onAdd}>
      {add}
    </Button>
  );
  if (query.isPending) return <Skeleton rows={3} />;
  if (!query.data) return <Failed error={query.error} retry={() => void query.refetch()} what={what} />;
  if (query.data.length === 0) {
    return (
      <Empty icon={icon} title={none}>
        <p className="mb-3">{about}</p>
        {button}
      </Empty>
    );
  }
  return (
    <div className="mx-auto w-full max-w-4xl px-5 py-5">
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <p className="min-w-0 grow basis-72 text-ink-2">{about}</p>
        {button}
      </div>
      <ul aria-label={what} className="space-y-3">
        {query.data.map(children)}
      </ul>
    </div>
  );
}
