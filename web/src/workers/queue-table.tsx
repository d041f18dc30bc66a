import type { Queue } from "../api/types";

const CELL = "px-4 py-2.5 text-right tabular-nums";

export function QueueTable({ queues }: { queues: readonly Queue[] }) {
  if (queues.length === 0) return <p className="text-ink-2">No queue has a job or a worker.</p>;
  return (
    <div className="overflow-hidden rounded-xl border border-line shadow-card">
      <table className="w-full">
        <thead>
          <tr className="border-b border-line text-xs text-ink-3">
            <th className="px-4 py-2 text-left font-medium">Queue</th>
            <th className={`${CELL} font-medium`}>Waiting</th>
            <th className={`${CELL} font-medium max-sm:hidden`}>At their time</th>
            <th className={`${CELL} font-medium`}>At work</th>
            <th className={`${CELL} font-medium`}>Workers</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {queues.map((queue) => (
            <tr key={queue.name} data-queue={queue.name}>
              <th scope="row" className="px-4 py-2.5 text-left font-normal">
                <code className="font-mono text-xs">{queue.name}</code>
                {queue.workers === 0 && queue.depth + queue.scheduled > 0 && (
                  <span className="mt-0.5 block text-xs text-failed">
                    Nobody serves it: start <code className="font-mono">graphwright worker --queues {queue.name}</code>
                  </span>
                )}
              </th>
              <td className={CELL}>{queue.depth.toLocaleString()}</td>
              <td className={`${CELL} max-sm:hidden`}>{queue.scheduled.toLocaleString()}</td>
              <td className={CELL}>{queue.running.toLocaleString()}</td>
              <td className={CELL}>{queue.workers}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
