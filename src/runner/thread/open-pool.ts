/** What is behind a `WorkerPool`: its threads, and the calls that they carry out. */
import { OrchestratorError } from "../../model/error.js";
import type { ThreadWork } from "../../model/work.js";
import type { AttemptFailure, AttemptListener } from "../../port/runner.js";
import type { Job } from "./job.js";
import type { CheckedPoolOptions } from "./options.js";
import { newPoolShared, type PoolShared, ThreadPool } from "./pool.js";
import type { RunOptions } from "./worker-pool.js";

export class OpenPool {
  readonly #shared: PoolShared;
  readonly #pool: ThreadPool;

  constructor(options: CheckedPoolOptions) {
    this.#shared = newPoolShared(options.maxWorkers);
    this.#pool = new ThreadPool(options, this.#shared);
  }

  get size(): number {
    return this.#pool.size;
  }

  run<In, Out>(work: ThreadWork<In, Out>, inputs: In | undefined, options: RunOptions | undefined): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      const call = new PoolCall(this.#pool, work, inputs, options, resolve as (output: unknown) => void, reject);
      call.submit(this.#shared, false);
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
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
