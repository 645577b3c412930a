/** A pool of warm worker threads, usable by itself. What starts threads is loaded with the first of them. */
import { availableParallelism } from "node:os";
import { OrchestratorError } from "../../model/error.js";
import { FirstUse } from "../../model/first-use.js";
import type { ThreadWork } from "../../model/work.js";
import type { OpenPool } from "./open-pool.js";
import { checkPoolOptions, type WorkerPoolOptions } from "./options.js";

export interface RunOptions {
  /** Stops the call: its function sees the signal, and its thread is terminated if it does not end by itself. */
  readonly signal?: AbortSignal;
  /** Buffers of the inputs that are moved, not copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/**
 * Runs exported functions in warm worker threads.
 *
 * @example
 * // in hash.ts
 * export const hash = ({ text }: { text: string }) => [...text].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) | 0, 0);
 *
 * // in the program
 * import type { hash } from "./hash.js";
 * await using pool = new WorkerPool({ maxWorkers: 4 });
 * console.log(await pool.run(worker<typeof hash>(new URL("./hash.js", import.meta.url), "hash"), { text: "tea" })); // prints 114704
 */
export class WorkerPool {
  readonly #open: FirstUse<OpenPool>;
  #closed = false;

  /** @throws InvalidOptionError */
  constructor(options: WorkerPoolOptions = {}) {
    const checked = checkPoolOptions("WorkerPool", options, availableParallelism());
    this.#open = new FirstUse(async () => new (await import("./open-pool.js")).OpenPool(checked));
    // Why threads cannot be had is told to the calls that need them.
    if (checked.minWorkers > 0) this.#open.get().catch(() => {});
  }

  /** Threads that exist. */
  get size(): number {
    return this.#open.made?.size ?? 0;
  }

  /** Calls the function in a thread. Rejects with what it threw, or with an `OrchestratorError` if its thread ended under it. */
  run<In, Out>(work: ThreadWork<In, Out>, inputs?: In, options?: RunOptions): Promise<Out> {
    if (this.#closed) return Promise.reject(new OrchestratorError("EXECUTOR_CLOSED", "the pool of threads is closed"));
    return this.#open.use((pool) => pool.run(work, inputs, options));
  }

  /** Stops what runs and ends every thread. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#open.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
