/**
 * Starts and successes of functions, kept back to be told together: starts as a few sums, successes as a number each.
 * Whoever counts reads the rest from the scheduler's columns in one loop, in which the processor fetches many rows at a
 * time, instead of one for each call.
 */
import type { TaskTable } from "../core/task-table.js";
import { type FunctionBatch, mostFunctions, type RunTally } from "../port/observer.js";

export class FunctionLog implements FunctionBatch {
  succeeded = new Int32Array(0);
  count = 0;
  started = 0;
  readonly since: number;
  startedSum = 0;
  mostMore = 0;
  readonly kindOf: (task: number) => number;
  readonly #table: TaskTable;
  readonly #tallies: readonly RunTally[];
  readonly #threw: (thrown: unknown) => void;
  #most = mostFunctions;

  /** @param since a time near those of the run. */
  constructor(
    since: number,
    table: TaskTable,
    kindOf: (task: number) => number,
    tallies: readonly RunTally[],
    threw: (thrown: unknown) => void,
  ) {
    this.since = since;
    this.#table = table;
    this.kindOf = kindOf;
    this.#tallies = tallies;
    this.#threw = threw;
  }

  get readyAt(): readonly number[] {
    return this.#table.readyAt;
  }

  get startedAt(): readonly number[] {
    return this.#table.startedAt;
  }

  get endedAt(): readonly number[] {
    return this.#table.endedAt;
  }

  start(at: number): void {
    this.startedSum += at - this.since;
    const more = ++this.started - this.count;
    if (more > this.mostMore) this.mostMore = more;
    if (this.#most === 1) this.flush();
  }

  succeed(task: number): void {
    if (this.succeeded.length === 0) this.succeeded = new Int32Array(mostFunctions);
    this.succeeded[this.count++] = task;
    if (this.count >= this.#most) this.flush();
  }

  flush(): void {
    if (this.count === 0 && this.started === 0) return;
    for (const tally of this.#tallies) {
      try {
        tally.functions(this);
      } catch (thrown) {
        this.#threw(thrown);
      }
    }
    this.count = 0;
    this.started = 0;
    this.startedSum = 0;
    this.mostMore = 0;
  }

  tellAtOnce(atOnce: boolean): void {
    this.flush();
    this.#most = atOnce ? 1 : mostFunctions;
  }
}
