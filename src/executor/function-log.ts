/**
 * Starts and successes of functions, kept back to be told together: a number each. Whoever counts reads the rest from the
 * scheduler's columns in one loop, in which the processor fetches many rows at a time, instead of one for each call.
 */
import type { TaskTable } from "../core/task-table.js";
import { type FunctionBatch, mostFunctions, type RunTally } from "../port/observer.js";

export class FunctionLog implements FunctionBatch {
  entries = new Int32Array(0);
  count = 0;
  readonly kindOf: (task: number) => number;
  readonly #table: TaskTable;
  readonly #tallies: readonly RunTally[];
  readonly #threw: (thrown: unknown) => void;
  #most = mostFunctions;

  constructor(
    table: TaskTable,
    kindOf: (task: number) => number,
    tallies: readonly RunTally[],
    threw: (thrown: unknown) => void,
  ) {
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

  push(entry: number): void {
    if (this.entries.length === 0) this.entries = new Int32Array(mostFunctions);
    this.entries[this.count++] = entry;
    if (this.count >= this.#most) this.flush();
  }

  flush(): void {
    if (this.count === 0) return;
    for (const tally of this.#tallies) {
      try {
        tally.functions(this);
      } catch (thrown) {
        this.#threw(thrown);
      }
    }
    this.count = 0;
  }

  tellAtOnce(atOnce: boolean): void {
    this.flush();
    this.#most = atOnce ? 1 : mostFunctions;
  }
}
