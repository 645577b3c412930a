/** Options of a pool of threads, checked once. */
import { Checker } from "../../model/check.js";
import type { Duration, Size } from "../../model/units.js";

/** How a pool of threads is set up. */
export interface WorkerPoolOptions {
  /** Most threads. Default: the CPUs that this process may use. */
  readonly maxWorkers?: number;
  /** Threads that are made at once and kept while idle. Default 0. */
  readonly minWorkers?: number;
  /** Attempts that one thread runs at the same time, taking turns while they wait. Default 64; 1 gives each attempt a thread for itself. */
  readonly tasksPerWorker?: number;
  /** A thread is replaced after this many attempts. Default: never. */
  readonly recycleAfterTasks?: number;
  /** A thread is replaced when, after an attempt, its heap and buffers are larger than this. Default: never. */
  readonly recycleAfterBytes?: Size;
  /** Limit of a thread's JavaScript heap. Default: V8's own. */
  readonly heapLimitBytes?: Size;
  /** How long an aborted attempt may take to end by itself before its thread is terminated. Default 50 ms. */
  readonly abortGrace?: Duration;
  /** An idle thread beyond `minWorkers` ends after this time. Default 30 s. */
  readonly idleTimeout?: Duration;
}

export interface CheckedPoolOptions {
  readonly maxWorkers: number;
  readonly minWorkers: number;
  readonly tasksPerWorker: number;
  readonly recycleAfterTasks: number;
  readonly recycleAfterBytes: number | undefined;
  readonly heapLimitBytes: number | undefined;
  readonly abortGraceMs: number;
  readonly idleTimeoutMs: number;
}

const known: readonly (keyof WorkerPoolOptions)[] = [
  "maxWorkers",
  "minWorkers",
  "tasksPerWorker",
  "recycleAfterTasks",
  "recycleAfterBytes",
  "heapLimitBytes",
  "abortGrace",
  "idleTimeout",
];

/** V8 needs this much to start a thread at all. */
export const minimumHeapBytes = 4 * 2 ** 20;

/** @throws InvalidOptionError with everything that is wrong. */
export function checkPoolOptions(name: string, options: WorkerPoolOptions, cpus: number): CheckedPoolOptions {
  const check = new Checker(name);
  check.object("", options, known);
  const maxWorkers = check.number("maxWorkers", options.maxWorkers, { minimum: 1, maximum: 1024, integer: true }, cpus);
  const checked = {
    maxWorkers,
    minWorkers: check.number("minWorkers", options.minWorkers, { minimum: 0, maximum: maxWorkers, integer: true }, 0),
    tasksPerWorker: check.number(
      "tasksPerWorker",
      options.tasksPerWorker,
      { minimum: 1, maximum: 1000, integer: true },
      64,
    ),
    recycleAfterTasks: check.number(
      "recycleAfterTasks",
      options.recycleAfterTasks,
      { minimum: 1, integer: true },
      Number.POSITIVE_INFINITY,
    ),
    recycleAfterBytes: check.bytes("recycleAfterBytes", options.recycleAfterBytes, undefined, 1),
    heapLimitBytes: check.bytes("heapLimitBytes", options.heapLimitBytes, undefined, minimumHeapBytes),
    abortGraceMs: check.durationMs("abortGrace", options.abortGrace, 50),
    idleTimeoutMs: check.durationMs("idleTimeout", options.idleTimeout, 30_000),
  };
  check.finish();
  return checked;
}
