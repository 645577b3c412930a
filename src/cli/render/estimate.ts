/**
 * How long a run still takes, roughly: no shorter than the longest chain of tasks that remain, nor than all that remains
 * shared by the places where tasks run. A task's length is what the file expects, else the mean of the tasks that have
 * ended. It is meant for a person who watches, and is not told before anything is known.
 */
import type { RunProgress } from "./progress.js";

export interface EstimatedTask {
  readonly id: string;
  readonly needs: readonly string[];
  /** Seconds, where the file says. */
  readonly expected?: number;
}

export class RemainingTime {
  /** Every task before those that need it. */
  readonly #tasks: readonly EstimatedTask[];
  readonly #places: number;

  /** @param tasks each after all that it needs */
  constructor(tasks: readonly EstimatedTask[], places: number) {
    this.#tasks = tasks;
    this.#places = Math.max(1, places);
  }

  /** Seconds left at `now` (milliseconds since the epoch); `undefined` where nothing is known yet. */
  seconds(progress: RunProgress, isEnded: (id: string) => boolean, now: number): number | undefined {
    const known = [...progress.durations.values()];
    const mean = known.length === 0 ? undefined : known.reduce((sum, seconds) => sum + seconds, 0) / known.length;
    const finish = new Map<string, number>();
    let work = 0;
    let longest = 0;
    for (const { id, needs, expected } of this.#tasks) {
      if (isEnded(id)) continue;
      const length = expected ?? mean;
      if (length === undefined) return undefined;
      const left = this.#left(id, length, progress, now);
      const end = left + Math.max(0, ...needs.map((need) => finish.get(need) ?? 0));
      finish.set(id, end);
      work += left;
      longest = Math.max(longest, end);
    }
    return Math.max(longest, work / this.#places);
  }

  #left(id: string, length: number, progress: RunProgress, now: number): number {
    const startedAt = progress.running.get(id)?.startedAt ?? progress.waiting.get(id)?.startedAt;
    return startedAt === undefined ? length : Math.max(0, length - (now - startedAt) / 1000);
  }
}
