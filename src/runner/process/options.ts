/** Options of the runner of processes, checked once. */
import { availableParallelism } from "node:os";
import { Checker } from "../../model/check.js";
import type { Duration, Size } from "../../model/units.js";

export interface ProcessRunnerOptions {
  /** Most processes. Default: the CPUs that this process may use. */
  readonly maxWorkers?: number;
  /** Processes that are kept while idle. Default 0. */
  readonly minWorkers?: number;
  /** A process is replaced after this many attempts. Default: never. */
  readonly recycleAfterTasks?: number;
  /** A process is replaced when its resident memory is larger than this after an attempt. Default: never. */
  readonly recycleAfterBytes?: Size;
  /** Memory of a process whose task declares none. Default: no limit. */
  readonly memoryLimit?: Size;
  /** How long an aborted attempt may take to end by itself before its tree is sent SIGTERM. Default 100 ms. */
  readonly abortGrace?: Duration;
  /** Between SIGTERM and SIGKILL. Default 2 s. */
  readonly killGrace?: Duration;
  /** An idle process beyond `minWorkers` ends after this time. Default 30 s. */
  readonly idleTimeout?: Duration;
}

export interface CheckedProcessOptions {
  readonly maxWorkers: number;
  readonly minWorkers: number;
  readonly recycleAfterTasks: number;
  readonly recycleAfterBytes: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly abortGraceMs: number;
  readonly killGraceMs: number;
  readonly idleTimeoutMs: number;
}

const known: readonly (keyof ProcessRunnerOptions)[] = [
  "maxWorkers",
  "minWorkers",
  "recycleAfterTasks",
  "recycleAfterBytes",
  "memoryLimit",
  "abortGrace",
  "killGrace",
  "idleTimeout",
];

/** What Node itself needs to start and run. A smaller limit is raised to this. */
export const smallestProcessBytes = 64 * 2 ** 20;

/** @throws InvalidOptionError with everything that is wrong. */
export function checkProcessOptions(options: ProcessRunnerOptions): CheckedProcessOptions {
  const check = new Checker("ProcessRunner");
  check.object("", options, known);
  const workers = { minimum: 1, maximum: 1024, integer: true };
  const maxWorkers = check.number("maxWorkers", options.maxWorkers, workers, availableParallelism());
  const checked = {
    maxWorkers,
    minWorkers: check.number("minWorkers", options.minWorkers, { minimum: 0, maximum: maxWorkers, integer: true }, 0),
    recycleAfterTasks: check.number(
      "recycleAfterTasks",
      options.recycleAfterTasks,
      { minimum: 1, integer: true },
      Number.POSITIVE_INFINITY,
    ),
    recycleAfterBytes: check.bytes("recycleAfterBytes", options.recycleAfterBytes, undefined, 1),
    memoryLimitBytes: check.bytes("memoryLimit", options.memoryLimit, undefined, smallestProcessBytes),
    abortGraceMs: check.durationMs("abortGrace", options.abortGrace, 100),
    killGraceMs: check.durationMs("killGrace", options.killGrace, 2000),
    idleTimeoutMs: check.durationMs("idleTimeout", options.idleTimeout, 30_000),
  };
  check.finish();
  return checked;
}
