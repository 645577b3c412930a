/**
 * Carries out thread work in pools of warm threads.
 *
 * V8 fixes the limit of a thread's heap when the thread is made. So attempts that declare memory run in pools of their
 * own, one for each size (rounded up to a power of two of MiB, so that there are few), one attempt in a thread at a
 * time; all pools share one number of threads.
 */
import { availableParallelism } from "node:os";
import { OrchestratorError } from "../../model/error.js";
import { formatBytes } from "../../model/units.js";
import type { ThreadWork } from "../../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest, LimitEnforcement, Runner } from "../../port/runner.js";
import type { Job } from "./job.js";
import { type CheckedPoolOptions, checkPoolOptions, type WorkerPoolOptions } from "./options.js";
import { newPoolShared, type PoolShared, ThreadPool } from "./pool.js";

export type ThreadRunnerOptions = WorkerPoolOptions;

const smallestHeapClassBytes = 16 * 2 ** 20;

export class ThreadRunner implements Runner {
  readonly kind = "thread";
  readonly #options: CheckedPoolOptions;
  readonly #shared: PoolShared;
  readonly #pools = new Map<number | undefined, ThreadPool>();
  #closing: Promise<void> | undefined;

  /**
   * With `gathersCalls`, calls of one turn travel to their thread together: for a process that runs nothing itself.
   *
   * @throws InvalidOptionError
   */
  constructor(options: ThreadRunnerOptions = {}, { gathersCalls = false } = {}) {
    this.#options = checkPoolOptions("ThreadRunner", options, availableParallelism());
    this.#shared = newPoolShared(this.#options.maxWorkers, gathersCalls);
    if (this.#options.minWorkers > 0) this.#poolFor(undefined);
  }

  /** Threads that exist. */
  get size(): number {
    let size = 0;
    for (const pool of this.#pools.values()) size += pool.size;
    return size;
  }

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    if (this.#closing !== undefined) throw new OrchestratorError("EXECUTOR_CLOSED", "the runner of threads is closed");
    const work = request.work as ThreadWork;
    const pool = this.#poolFor(request.memoryBytes || undefined);
    const inputs = isEmpty(request.inputs) ? undefined : request.inputs;
    const job = pool.submit(this.#shared.functions.of(work.module, work.exportName), inputs, listener, {
      identity: request,
      transfer: work.transfer,
      announce: true,
      alone: this.#shared.lostTasks.take(request),
      affinity: request.affinity,
    });
    return new ThreadAttempt(pool, job);
  }

  enforcement(): readonly LimitEnforcement[] {
    const { heapLimitBytes } = this.#options;
    const every = heapLimitBytes === undefined ? "" : `; every other thread has ${formatBytes(heapLimitBytes)}`;
    return [
      {
        limit: "memory",
        by: "heap-limit",
        detail:
          "JavaScript heap of a task that declares memory, rounded up to a power of two from 16 MiB; " +
          `buffers outside of the heap are not held${every}`,
      },
      { limit: "cpu", by: "admission", detail: "nothing can limit the CPU of one thread of a process" },
    ];
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([...this.#pools.values()].map((pool) => pool.close())).then(() => {});
    return this.#closing;
  }

  #poolFor(memoryBytes: number | undefined): ThreadPool {
    const heapClass = memoryBytes === undefined ? undefined : heapClassOf(memoryBytes);
    let pool = this.#pools.get(heapClass);
    if (pool === undefined) {
      const own = { heapLimitBytes: heapClass, tasksPerWorker: 1, minWorkers: 0 };
      pool = new ThreadPool(heapClass === undefined ? this.#options : { ...this.#options, ...own }, this.#shared);
      this.#pools.set(heapClass, pool);
    }
    return pool;
  }
}

class ThreadAttempt implements AttemptControl {
  readonly #pool: ThreadPool;
  readonly #job: Job;

  constructor(pool: ThreadPool, job: Job) {
    this.#pool = pool;
    this.#job = job;
  }

  abort(reason: Error): void {
    this.#pool.abort(this.#job, reason);
  }
}

function heapClassOf(bytes: number): number {
  return Math.max(smallestHeapClassBytes, 2 ** Math.ceil(Math.log2(bytes)));
}

function isEmpty(inputs: object): boolean {
  for (const _ in inputs) return false;
  return true;
}
