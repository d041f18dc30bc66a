import type { RunEvent } from "./protocol.ts";

/**
 * The events of one run in the order of their seq, each once. What arrives early is kept until what lies before it
 * has come, so readers see 1, 2, 3 … whatever the transport repeats or swaps.
 */
export class EventLog {
  readonly events: RunEvent[] = [];
  /** Events up to this seq are no longer kept by the server; 0 where the log is whole. */
  pruned = 0;
  private readonly early = new Map<number, RunEvent>();

  /** The seq up to which nothing is missing that could be had. */
  get head(): number {
    return Math.max(this.events.at(-1)?.seq ?? 0, this.pruned);
  }

  /** Takes events in any order; gives back those that have become readable, in order. */
  add(incoming: readonly RunEvent[]): RunEvent[] {
    const before = this.events.length;
    for (const event of incoming) {
      if (event.seq <= this.head || this.early.has(event.seq)) continue;
      this.early.set(event.seq, event);
      this.drain();
    }
    return this.events.slice(before);
  }

  /** Goes on behind events that are no longer kept; gives back those that have become readable by that. */
  skip(pruned: number): RunEvent[] {
    if (pruned <= this.head) return [];
    const before = this.events.length;
    this.pruned = pruned;
    for (const seq of this.early.keys()) if (seq <= pruned) this.early.delete(seq);
    this.drain();
    return this.events.slice(before);
  }

  private drain(): void {
    let next = this.early.get(this.head + 1);
    while (next) {
      this.early.delete(next.seq);
      this.events.push(next);
      next = this.early.get(next.seq + 1);
    }
  }
}
