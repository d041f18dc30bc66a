import type { RunEvent } from "../api/types";

/**
 * The events of one run in the order of their seq, each once. What arrives early is kept until what lies before it
 * has come, so readers see 1, 2, 3 … whatever the transport repeats or swaps.
 */
export class EventLog {
  readonly events: RunEvent[] = [];
  private readonly early = new Map<number, RunEvent>();

  /** The seq up to which nothing is missing. */
  get head(): number {
    return this.events.at(-1)?.seq ?? 0;
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

  private drain(): void {
    let next = this.early.get(this.head + 1);
    while (next) {
      this.early.delete(next.seq);
      this.events.push(next);
      next = this.early.get(next.seq + 1);
    }
  }
}
