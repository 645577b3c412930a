/** A pool of warm worker threads, usable by itself. */
import { availableParallelism } from "node:os";
import { OrchestratorError } from "../../model/error.js";
import type { ThreadWork } from "../../model/work.js";
import type { AttemptFailure, AttemptListener } from "../../port/runner.js";
import type { Job } from "./job.js";
import { checkPoolOptions, type WorkerPoolOptions } from "./options.js";
import { newPoolShared, type PoolShared, ThreadPool } from "./pool.js";

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
  readonly #shared: PoolShared;
  readonly #pool: ThreadPool;
  #closed = false;

  /** @throws InvalidOptionError */
  constructor(options: WorkerPoolOptions = {}) {
    const checked = checkPoolOptions("WorkerPool", options, availableParallelism());
    this.#shared = newPoolShared(checked.maxWorkers);
    this.#pool = new ThreadPool(checked, this.#shared);
  }

  /** Threads that exist. */
  get size(): number {
    return this.#pool.size;
  }

  /** Calls the function in a thread. Rejects with what it threw, or with an `OrchestratorError` if its thread ended under it. */
  run<In, Out>(work: ThreadWork<In, Out>, inputs?: In, options?: RunOptions): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      if (this.#closed) throw new OrchestratorError("EXECUTOR_CLOSED", "the pool of threads is closed");
      const call = new PoolCall(this.#pool, work, inputs, options, resolve as (output: unknown) => void, reject);
      call.submit(this.#shared, false);
    });
  }

  /** Stops what runs and ends every thread. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class PoolCall implements AttemptListener {
  readonly #pool: ThreadPool;
  readonly #work: ThreadWork<never, unknown>;
  readonly #inputs: unknown;
  readonly #options: RunOptions | undefined;
  readonly #resolve: (output: unknown) => void;
  readonly #reject: (error: Error) => void;
  #shared: PoolShared | undefined;
  #job: Job | undefined;
  #onAbort: (() => void) | undefined;
  #retried = false;

  constructor(
    pool: ThreadPool,
    work: ThreadWork<never, unknown>,
    inputs: unknown,
    options: RunOptions | undefined,
    resolve: (output: unknown) => void,
    reject: (error: Error) => void,
  ) {
    this.#pool = pool;
    this.#work = work;
    this.#inputs = inputs;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(shared: PoolShared, alone: boolean): void {
    this.#shared = shared;
    const signal = this.#options?.signal;
    if (signal?.aborted) {
      this.#reject(signal.reason);
      return;
    }
    const known = shared.functions.of(this.#work.module, this.#work.exportName);
    const transfer = this.#options?.transfer ?? this.#work.transfer;
    this.#job = this.#pool.submit(
      known,
      this.#inputs,
      this,
      transfer === undefined && !alone ? undefined : { transfer, alone },
    );
    if (signal === undefined || this.#onAbort !== undefined) return;
    this.#onAbort = () => this.#pool.abort(this.#job!, signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  started(): void {}
  progress(): void {}
  log(): void {}
  noted(): void {}

  succeeded(output: unknown): void {
    this.#release();
    this.#resolve(output);
  }

  failed({ error }: AttemptFailure): void {
    this.#release();
    this.#reject(error);
  }

  /** Once more, and alone, so that it cannot be lost to a neighbour again. What was transferred is gone. */
  lost(error: Error): void {
    if (this.#retried || this.#options?.transfer !== undefined) {
      this.failed({ error, reason: { kind: "worker-lost" } });
      return;
    }
    this.#retried = true;
    this.submit(this.#shared!, true);
  }

  stopped(): void {
    this.#release();
    this.#reject(
      this.#options?.signal?.reason ?? new OrchestratorError("EXECUTOR_CLOSED", "the pool of threads was closed"),
    );
  }

  #release(): void {
    if (this.#onAbort !== undefined) this.#options!.signal!.removeEventListener("abort", this.#onAbort);
  }
}
