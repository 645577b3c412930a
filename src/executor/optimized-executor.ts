/** An executor that does together what can be, and keeps warm what is slow to start. */
import { availableParallelism } from "node:os";
import { defaultBatchSize } from "../model/batch.js";
import { Checker } from "../model/check.js";
import type { TaskGraph } from "../model/graph.js";
import type { Task } from "../model/task.js";
import type { Duration } from "../model/units.js";
import type { World } from "../port/clock.js";
import type { ExecutorFeatures, RunOptions } from "./config.js";
import { type ExecutionConfig, executionOptionNames } from "./config.js";
import type { RunResults } from "./outcomes.js";
import { ParallelExecutor } from "./parallel-executor.js";

/** What an `OptimizedExecutor` takes: everything of `ExecutionConfig`, and what it spares. */
export interface OptimizedConfig extends ExecutionConfig {
  /**
   * Whether outputs are kept and given again where nothing that they depend on has changed. Then tasks need not ask for it
   * (`cache`) where a change of their code would be seen: in threads, processes and sandboxes, and in functions and batches that
   * have a `version`. Commands are cached only where they ask, and nothing that says `cache: false`. `false`: nothing is
   * cached. Default `true`.
   */
  readonly enableCaching?: boolean;
  /** How long an output is given again, where the task does not say; `Infinity` is for ever. Default: as long as `cache` says. */
  readonly cacheTtl?: Duration;
  /** Whether tasks of one `batch()` are gathered into calls; with `false` each is a call of its own. Tasks of other work are never batched. Default `true`. */
  readonly enableBatching?: boolean;
  /** Most items of a call whose batch names no `batchSize`; from 1. Default 10. */
  readonly batchSize?: number;
  /**
   * Whether workers of the kinds that a run names (threads, processes, sandboxes) are started with the run, up to `maxWorkers`
   * of each, and kept until `close`, instead of one by one and until they are idle. Default `true`.
   */
  readonly resourcePooling?: boolean;
}

const ownNames = ["enableCaching", "cacheTtl", "enableBatching", "batchSize", "resourcePooling"] as const;

/**
 * A `ParallelExecutor` that does nothing twice, does together what can be, and keeps warm what is slow to start.
 *
 * Where `maxConcurrentTasks` is not given, it is at least 4 full batches, and a whole number of them.
 *
 * @example
 * await using executor = new OptimizedExecutor({
 *   enableCaching: true, enableBatching: true, batchSize: 10, cacheTtl: 3600, resourcePooling: true,
 * });
 * let calls = 0;
 * const task = { name: "price", with: { product: "tea" }, version: "1", run: () => ++calls };
 * await executor.executeOptimized([{ id: "first", ...task }]);
 * await executor.executeOptimized([{ id: "second", ...task }]);
 * console.log(calls); // prints 1
 */
export class OptimizedExecutor extends ParallelExecutor {
  /** @throws InvalidOptionError with everything that is wrong with the configuration. */
  constructor(config: OptimizedConfig = {}, world: World = {}) {
    const { features, execution } = readConfig(config);
    super(execution, world, features);
  }

  /** Runs the tasks and gives their results when all have ended; as `executeTasks`. Rejects only for bad input. */
  executeOptimized(graph: TaskGraph | readonly Task[], options?: RunOptions): Promise<RunResults> {
    return this.executeTasks(graph, options);
  }
}

function readConfig(config: OptimizedConfig): { features: ExecutorFeatures; execution: ExecutionConfig } {
  const check = new Checker();
  if (!check.object("", config, [...ownNames, ...executionOptionNames])) check.finish();
  const { enableCaching, cacheTtl, enableBatching, batchSize, resourcePooling, ...given } = config;
  const unasked = check.boolean("enableCaching", enableCaching, true);
  if (cacheTtl !== Number.POSITIVE_INFINITY) check.durationMs("cacheTtl", cacheTtl, 0);
  const features = {
    caching: { unasked, ...(cacheTtl === undefined ? undefined : { ttl: cacheTtl }) },
    gather: check.boolean("enableBatching", enableBatching, true),
    batchSize: check.number("batchSize", batchSize, { minimum: 1, maximum: 1e6, integer: true }, defaultBatchSize),
    keepWarm: check.boolean("resourcePooling", resourcePooling, true),
  };
  check.finish();
  const execution = unasked ? given : { ...given, cache: false as const };
  const named = config.maxConcurrentTasks !== undefined || config.backend !== undefined;
  return { features, execution: named ? execution : { ...execution, maxConcurrentTasks: slotsFor(features) } };
}

/** As many as a plain executor has, rounded up to full batches: a part of one would wait for its others to end. */
function slotsFor({ gather, batchSize }: { readonly gather: boolean; readonly batchSize: number }): number {
  const plain = Math.max(16, 4 * availableParallelism());
  if (!gather) return plain;
  return Math.min(1_000_000, Math.max(4, Math.ceil(plain / batchSize)) * batchSize);
}
