/** A task as a caller writes it. `graph.ts` validates tasks and `core/plan.ts` compiles them. */
import type { TaskContext } from "./context.js";
import type { ResourceSources } from "./pool.js";
import type { ExecutionResult } from "./result.js";
import type { SandboxConfig } from "./sandbox.js";
import type { Duration, Size } from "./units.js";
import type { DeferredWork, DescribedWork, Inputs } from "./work.js";

/** When a task starts, once all that it depends on has ended. */
export type TriggerRule =
  /** Every dependency succeeded; otherwise it is skipped. The default. */
  | "all-succeeded"
  /** However they ended. */
  | "all-done"
  /** At least one failed, timed out or was cancelled, or was skipped for such a one; otherwise it is skipped. */
  | "any-failed";

/** How often and when a failed or timed-out attempt is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included, from 1. */
  readonly attempts: number;
  /** Wait before the second attempt; each later one is `factor` times as long. Default 1 s. */
  readonly delay?: Duration;
  /** Default 2. 1 keeps the delay constant. */
  readonly factor?: number;
  /** No delay is longer than this. Default 60 s, or `delay` where that is longer. */
  readonly maxDelay?: Duration;
  /** Draws each delay evenly from 0 to its length ("full jitter", Brooker 2015), so that many failures do not come back at once. Default `true`. */
  readonly jitter?: boolean;
  /** Says whether this failure is worth another try. Default: every one is. */
  readonly retryIf?: (error: Error, attempt: number) => boolean;
}

/** What an attempt holds while it runs. */
export interface TaskResources {
  /** CPU cores; fractions are taken to a thousandth. Default 0: not counted. */
  readonly cpu?: number;
  /** Memory. Default 0: not counted. */
  readonly memory?: Size;
  /** Any other resource that `resourceLimits` names: `{ gpu: 1 }`. */
  readonly [resource: string]: number | string | undefined;
}

/** What `when` is asked with. */
export interface ConditionContext {
  /** Id of the task that is asked about. */
  readonly taskId: string;
  /** The result of a direct dependency. */
  result(taskId: string): ExecutionResult;
  /** The output of a direct dependency; `undefined` where it did not succeed. Throws `RangeError` for any other id. */
  output(taskId: string): unknown;
}

/** How a task's output is cached. */
export interface CachePolicy {
  /** To be changed when the task's code gives something else: it is part of the key. Required for functions of this process, whose code cannot be seen from outside. Default: the task's `version`. */
  readonly version?: string | number;
  /** How long a value is given. Default: the cache's. */
  readonly ttl?: Duration;
  /** How long after that it is still given while a new one is made. Default: the cache's. */
  readonly staleWhileRevalidate?: Duration;
  /** How long a failure of the task's own code is given. Default: the cache's, which keeps none. */
  readonly failures?: Duration;
  /** Files and folders that the task reads, by their contents part of the key; relative to the command's `cwd`, or to the working directory. For a command, default: the arguments that name files. */
  readonly files?: readonly string[];
  /** Names by which values can be invalidated together. Default: none. */
  readonly tags?: readonly string[];
  /** Makes what stands in the key for the inputs, where not all of them matter or some have no value to go by. Default: the inputs themselves. */
  readonly key?: (inputs: Inputs) => unknown;
}

/** The options that every way of adding a task takes. */
export interface TaskOptions {
  /** What kind of task this is, for metrics and history. Default: the id up to the first `[`, `#` or `:`. */
  readonly name?: string;
  /**
   * Which version of its code the task is. What a function closes over or imports cannot be seen: a new version says that what an
   * earlier one gave is not to be taken for what this one would give, by a journal or a cache. Default: none.
   */
  readonly version?: string;
  /** Tasks that must have ended before, besides those that inputs come from. Default: none. */
  readonly dependsOn?: readonly string[];
  /** Higher starts first. An integer from -1,000,000 to 1,000,000. Default 0. */
  readonly priority?: number;
  /** Retries after the first attempt, with the default delays, or a policy. Default 0. */
  readonly retries?: number | RetryPolicy;
  /** Limit of one attempt, from its start. `Infinity` is none. Default: the executor's `taskTimeout`. */
  readonly timeout?: Duration;
  /** Limit of the whole task, retries and delays included, from its first start. Default: none. */
  readonly totalTimeout?: Duration;
  /** What an attempt holds while it runs, of the executor's `resourceLimits`. Default: its slot alone. */
  readonly resources?: TaskResources;
  /** When it starts, once all that it depends on has ended. Default `"all-succeeded"`. */
  readonly trigger?: TriggerRule;
  /** Asked when the task could start; `false`, or text that says why not, skips it. A throw fails it. Default: it runs. */
  readonly when?: (context: ConditionContext) => boolean | string | PromiseLike<boolean | string>;
  /** For `code` tasks: how the code is locked in, over what the work and the executor say. Default: as those say. */
  readonly sandbox?: SandboxConfig;
  /**
   * What the task works on, where that is worth keeping at hand: of the workers and pooled resources that are free, the one
   * that last served the same key is preferred. 1 to 500 characters. Default: none is preferred.
   */
  readonly affinity?: string;
  /**
   * Resources that the task's function is given as inputs of these names, each from a pool. They are taken before the attempt's
   * clock starts and given back at its end; one that a timed-out or cancelled attempt held is destroyed. Default: none.
   */
  readonly use?: ResourceSources;
  /** How long the task is thought to run. Tasks on the longest remaining path start first. Default: unknown, taken as the mean of those that are known. */
  readonly expectedDuration?: Duration;
  /** Takes the output from the executor's cache, where nothing that it depends on has changed. Default `false`. */
  readonly cache?: boolean | CachePolicy;
}

/**
 * A task's function where nothing ties its inputs to other tasks: it may declare whatever it takes. (`TaskGraph` checks
 * what it is given.)
 */
export type PlainTaskFunction<Output = unknown> = {
  // A method, because methods may narrow their parameters where functions may not.
  // biome-ignore lint/suspicious/noExplicitAny: inputs are whatever the named tasks gave
  run(inputs: Readonly<Record<string, any>>, context: TaskContext): Output | PromiseLike<Output>;
}["run"];

/** One unit of work, with an id that is unique in its graph. */
export interface Task<Output = unknown> extends TaskOptions {
  /** 1 to 500 characters. */
  readonly id: string;
  /** What the task does: a function of this process, or work that is described by `worker()`, `subprocess()`, `command()`, `code()`, `batch()` or `deferred()`. */
  readonly run: PlainTaskFunction<Output> | DescribedWork<never, Output> | DeferredWork<never, Output>;
  /** Outputs of other tasks, by the name under which `run` is given them; each is a dependency too. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Constant inputs, by name. */
  readonly with?: Inputs;
}
