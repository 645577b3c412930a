/** Batches by themselves, without a graph. */
import {
  type BatchHandler,
  type BatchOptions,
  batchOptionNames,
  defaultBatchSize,
  type ItemOutput,
  readBatchLimits,
} from "../../model/batch.js";
import { Checker } from "../../model/check.js";
import { OrchestratorError } from "../../model/error.js";
import type { World } from "../../port/clock.js";
import { realClock } from "../world.js";
import type { Answer } from "./answers.js";
import { type BatchItem, Gatherer } from "./gatherer.js";

/** How a batcher is set up. */
export interface TaskBatcherOptions extends BatchOptions {
  /** For people: the key of its context and messages. Default `"batch"`. */
  readonly key?: string;
  /** Most items that wait for a call; one more is refused with `QUEUE_FULL`. Default: no limit. */
  readonly maxWaiting?: number;
}

/** How one item is served. */
export interface BatchItemOptions {
  /** Higher is called first. Default 0. */
  readonly priority?: number;
  /** Gives the item up: it leaves the line, or its result is dropped. `AbortSignal.timeout(ms)` limits the time of an item. Default: none. */
  readonly signal?: AbortSignal;
}

/** What a batcher has done so far. */
export interface BatcherStats {
  /** Items that wait for a call now. */
  readonly waiting: number;
  /** Calls that go on now. */
  readonly inFlight: number;
  /** Items that ended with a value or an error. */
  readonly items: number;
  /** Items that ended with an error. */
  readonly failedItems: number;
  /** Items that were given up before their end. */
  readonly droppedItems: number;
  /** Calls of the handler, those of bisections included. */
  readonly calls: number;
  /** Calls that threw and were made again in halves. */
  readonly bisections: number;
  /** Items for each call, on average; 0 before the first. */
  readonly averageSize: number;
  /** Seconds that items waited for their first call, on average and at most. */
  readonly averageWait: number;
  /** The longest of them, in seconds. */
  readonly longestWait: number;
}

const optionNames = [...batchOptionNames, "key", "maxWaiting"] as const;

/**
 * Gathers items and hands many at once to a handler.
 *
 * Nothing is remembered: the same item given twice is served twice. (`TaskCache` remembers.)
 *
 * @example
 * await using users = new TaskBatcher((ids: readonly number[]) => ids.map((id) => `user ${id}`), { batchSize: 100 });
 * console.log(await Promise.all([users.run(1), users.run(2)])); // prints [ 'user 1', 'user 2' ]
 * console.log(users.stats().calls); // prints 1
 */
export class TaskBatcher<Item, Entry> implements AsyncDisposable {
  readonly #gatherer: Gatherer<Item>;
  readonly #maxWaiting: number;
  #closed = false;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(handler: BatchHandler<Item, Entry>, options: TaskBatcherOptions = {}, world: World = {}) {
    const check = new Checker("TaskBatcher");
    if (!check.object("", options, optionNames)) check.finish();
    if (typeof handler !== "function") check.report("handler", "takes a function of an array of items");
    const limits = readBatchLimits(check, options);
    const key = check.string("key", options.key, "batch");
    const range = { minimum: 1, integer: true };
    this.#maxWaiting = check.number("maxWaiting", options.maxWaiting, range, Number.POSITIVE_INFINITY);
    check.finish();
    const clock = world.clock ?? realClock;
    this.#gatherer = new Gatherer(key, handler, { ...limits, batchSize: limits.batchSize ?? defaultBatchSize }, clock);
  }

  /**
   * The item's value. Rejects with the item's error, or with the signal's reason.
   *
   * @throws OrchestratorError `QUEUE_CLOSED`, `QUEUE_FULL`.
   */
  run(item: Item, options: BatchItemOptions = {}): Promise<ItemOutput<Entry>> {
    const { priority = 0, signal } = options;
    if (typeof priority !== "number" || Number.isNaN(priority))
      return Promise.reject(new RangeError(`priority: takes a number, got ${priority}`));
    if (signal?.aborted) return Promise.reject(signal.reason);
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#gatherer.drop(given);
        reject(signal!.reason);
      };
      const ended = (answer: Answer): void => {
        signal?.removeEventListener("abort", giveUp);
        if (answer.ok) resolve(answer.value as ItemOutput<Entry>);
        else reject(answer.error);
      };
      const given: BatchItem<Item> = { item, priority, called: () => undefined, ended };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#gatherer.add(given);
    });
  }

  /** Serves what waits now without waiting for more. */
  flush(): void {
    this.#gatherer.flush();
  }

  /** What it has done so far. */
  stats(): BatcherStats {
    const { counts, waiting, inFlight } = this.#gatherer;
    const { items, failedItems, droppedItems, calls, bisections } = counts;
    return {
      waiting,
      inFlight,
      items,
      failedItems,
      droppedItems,
      calls,
      bisections,
      averageSize: calls === 0 ? 0 : counts.calledItems / calls,
      averageWait: counts.startedItems === 0 ? 0 : counts.totalWaitMs / counts.startedItems / 1000,
      longestWait: counts.longestWaitMs / 1000,
    };
  }

  /** Takes nothing more, serves what waits, and waits until every call has come to its end. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#gatherer.flush();
    await this.#gatherer.drained();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal(): OrchestratorError | undefined {
    const { key, waiting } = this.#gatherer;
    if (this.#closed) return new OrchestratorError("QUEUE_CLOSED", `the batcher "${key}" is closed`);
    if (waiting < this.#maxWaiting) return undefined;
    const message = `${waiting} items wait in the batcher "${key}", which is the most (maxWaiting); wait for some to end`;
    return new OrchestratorError("QUEUE_FULL", message);
  }
}
