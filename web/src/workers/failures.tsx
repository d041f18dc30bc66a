export function Failures({ counts }: { counts: Readonly<Record<string, number>> }) {
  const rows = Object.entries(counts).sort(([, one], [, other]) => other - one);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  if (rows.length === 0) return <p className="text-ink-2">No node has failed.</p>;
  return (
    <ul className="space-y-1.5">
      {rows.map(([type, count]) => (
        <li key={type} className="flex items-center gap-3">
          <code className="w-32 shrink-0 truncate font-mono text-xs">{type}</code>
          <span aria-hidden className="h-2 min-w-0.5 rounded-full bg-failed/70" style={{ width: `${(count / most) * 55}%` }} />
          <span className="text-xs text-ink-2 tabular-nums">{count.toLocaleString()}</span>
        </li>
      ))}
    </ul>
  );
}
