import type { ReactNode } from "react";

export function PageHead({ title, badge, children }: { title: string; badge?: ReactNode; children?: ReactNode }) {
  return (
    <header className="flex shrink-0 flex-wrap items-center gap-3 border-b border-line px-5 py-3">
      <h1 className="text-[15px] font-semibold">{title}</h1>
      {badge}
      <div className="ml-auto flex gap-2">{children}</div>
    </header>
  );
}
