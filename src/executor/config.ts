/** Options of an executor, of a run and of a stream, validated once, and the clock where none is given. */

import { availableParallelism, totalmem } from "node:os";
import { askedOnly, type CacheDefaults, resolveCacheOptions } from "../core/cache-option.js";
import { makeLimits, type NamedLimits } from "../core/limits.js";
import { type Policy, plainPolicy } from "../core/policy.js";
import { readRetries } from "../core/task-options.js";
import type { TaskCacheOptions } from "../model/cache.js";
import { Checker } from "../model/check.js";
import { InvalidOptionError } from "../model/error.js";
import type { SandboxConfig } from "../model/sandbox.js";
import type { RetryPolicy } from "../model/task.js";
import type { Duration, Size } from "../model/units.js";
import type { Backend } from "../port/backend.js";
import type { ServingCache } from "../port/cache-store.js";
import type { Clock } from "../port/clock.js";
import type { Durability, JournalSettings } from "../port/journal.js";
import type { Observer } from "../port/observer.js";

/** How tasks are carried out. */
export const ExecutionMode = {
  /** One attempt at a time, in start order. */
  sequential: "sequential",
  /** As many at once as the limits allow. */
  parallel: "parallel",
  /** As `parallel`, and only code in a sandbox is run: any other work is refused before anything starts. */
  sandboxed: "sandboxed",
} as const;

export type ExecutionMode = (typeof ExecutionMode)[keyof typeof ExecutionMode];

/** What the attempts of a run may hold at once, as they declare it in `Task.resources`. */
export interface ResourceLimits {
  /** Default: the memory of this machine (or of its container). */
  readonly maxMemory?: Size;
  /** Default: the CPUs available to this process. */
  readonly maxCpuCores?: number;
  /** Capacity of any other resource: `{ gpu: 1 }`. */
  readonly [resource: string]: number | string | undefined;
}

/** What an executor takes. Every field may be left out. */
export interface ExecutionConfig {
  /** Default `"parallel"`. */
  readonly mode?: ExecutionMode;
  /** Worker threads and, separately, worker processes at most; 1 to 1024. Default: the CPUs available to this process. */
  readonly maxWorkers?: number;
  /** Attempts at once in a run, whatever runs them; 1 to 1,000,000. Default: 4 for each CPU, at least 16. */
  readonly maxConcurrentTasks?: number;
  /** Limit of each attempt whose task names none. Default: none. */
  readonly taskTimeout?: Duration;
  /** What attempts may hold at once, of what they declare. Default: the CPUs and the memory of this machine. */
  readonly resourceLimits?: ResourceLimits;
  /** Retries of tasks that name none: a number of them, or a policy. Default 0. */
  readonly retries?: number | RetryPolicy;
  /** After a failure, `"continue"` goes on with all that does not depend on it; `"fail-fast"` cancels the rest. Default `"continue"`. */
  readonly failurePolicy?: "continue" | "fail-fast";
  /** Told of everything that happens in every run of this executor: an `ExecutionMonitor`, any other observer, or several. Default: nobody. */
  readonly monitor?: Observer | readonly Observer[];
  /** Sandbox of `code` tasks, under what they say themselves. Default: the defaults of `SandboxConfig`. */
  readonly sandbox?: SandboxConfig;
  /**
   * Where tasks that say `cache` take their outputs from: a `TaskCache`, which may serve other executors too, or options of one
   * of this executor's own. Default: memory of this executor. `false`: nothing is cached.
   */
  readonly cache?: ServingCache | TaskCacheOptions | false;
  /** Cancels every run of this executor when it aborts. Default: none. */
  readonly signal?: AbortSignal;
  /**
   * Where work that is described is carried out: `distributed({ connection })` for other machines. Then
   * `maxConcurrentTasks` is 1,000 by default, and CPU and memory have no limit here, because each machine holds its own.
   * Default: in this process and its children.
   */
  readonly backend?: Backend;
}

/** `ExecutionConfig` with every value checked and present. */
export interface ResolvedConfig {
  readonly mode: ExecutionMode;
  readonly maxWorkers: number;
  readonly maxConcurrentTasks: number;
  /** With one slot in mode `"sequential"`. */
  readonly limits: NamedLimits;
  /** The policy of a task that says nothing. */
  readonly defaults: Policy;
  readonly retryIf: RetryPolicy["retryIf"] | undefined;
  readonly failurePolicy: "continue" | "fail-fast";
  readonly observers: readonly Observer[];
  readonly sandbox: SandboxConfig | undefined;
  readonly cache: ServingCache | TaskCacheOptions | false;
  readonly features: ExecutorFeatures;
  readonly signal: AbortSignal | undefined;
  readonly backend: Backend | undefined;
}

export const executionOptionNames = [
  "mode",
  "maxWorkers",
  "maxConcurrentTasks",
  "taskTimeout",
  "resourceLimits",
  "retries",
  "failurePolicy",
  "monitor",
  "sandbox",
  "cache",
  "signal",
  "backend",
] as const satisfies readonly (keyof ExecutionConfig)[];

/** @throws InvalidOptionError with everything that is wrong. */
export function resolveConfig(config: ExecutionConfig, features: ExecutorFeatures = plainFeatures): ResolvedConfig {
  const check = new Checker();
  if (!check.object("", config, executionOptionNames)) check.finish();
  const cores = availableParallelism();
  const mode = check.oneOf("mode", config.mode, ["sequential", "parallel", "sandboxed"], "parallel");
  const maxConcurrentTasks = check.number(
    "maxConcurrentTasks",
    config.maxConcurrentTasks,
    { minimum: 1, maximum: 1_000_000, integer: true },
    config.backend === undefined ? Math.max(16, 4 * cores) : 1000,
  );
  const resolved: ResolvedConfig = {
    mode,
    maxWorkers: check.number("maxWorkers", config.maxWorkers, { minimum: 1, maximum: 1024, integer: true }, cores),
    maxConcurrentTasks,
    limits: readLimits(check, mode === "sequential" ? 1 : maxConcurrentTasks, config, cores),
    defaults: readDefaults(check, config),
    retryIf: typeof config.retries === "object" ? config.retries.retryIf : undefined,
    failurePolicy: check.oneOf("failurePolicy", config.failurePolicy, ["continue", "fail-fast"], "continue"),
    observers: readObservers(check, config.monitor),
    sandbox: config.sandbox,
    cache: readCache(check, config.cache),
    features,
    signal: config.signal,
    backend: config.backend,
  };
  if (config.signal !== undefined && !(config.signal instanceof AbortSignal))
    check.report("signal", "takes an AbortSignal");
  if (config.backend !== undefined && typeof config.backend?.open !== "function")
    check.report("backend", "takes what distributed() gives");
  if (config.sandbox !== undefined && (typeof config.sandbox !== "object" || config.sandbox === null))
    check.report("sandbox", "takes a SandboxConfig");
  check.finish();
  return resolved;
}

function readObservers(check: Checker, given: ExecutionConfig["monitor"]): readonly Observer[] {
  if (given === undefined) return [];
  const observers: readonly Observer[] = Array.isArray(given) ? given : [given];
  if (observers.some((observer) => typeof observer?.observe !== "function"))
    check.report("monitor", "takes an ExecutionMonitor, anything with a method observe(event), or an array of such");
  return observers;
}

function readCache(check: Checker, cache: ExecutionConfig["cache"]): ResolvedConfig["cache"] {
  if (cache === undefined || cache === false) return cache ?? {};
  if (typeof cache === "object" && cache !== null && "servesAttempts" in cache) return cache;
  try {
    resolveCacheOptions(cache);
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    for (const { where, message } of error.problems) check.report(where, message);
  }
  return cache;
}

function readLimits(check: Checker, slots: number, config: ExecutionConfig, cores: number): NamedLimits {
  const { resourceLimits: given = {}, backend } = config;
  const none = makeLimits(slots, cores, totalmem(), {});
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    check.report("resourceLimits", 'takes an object such as { maxMemory: "4GB", maxCpuCores: 4, gpu: 1 }');
    return none;
  }
  const { maxMemory, maxCpuCores, ...custom } = given;
  const amounts: Record<string, number> = {};
  for (const [name, amount] of Object.entries(custom)) {
    if (name === "cpu" || name === "memory")
      check.report(`resourceLimits.${name}`, `is given as ${name === "cpu" ? "maxCpuCores" : "maxMemory"}`);
    else amounts[name] = check.number(`resourceLimits.${name}`, amount, { minimum: 0, maximum: 1e9 }, 0);
  }
  const elsewhere = backend !== undefined;
  const cpuRange = { minimum: 0.001, maximum: 1e6 };
  const cpu = check.number(
    "resourceLimits.maxCpuCores",
    maxCpuCores,
    cpuRange,
    elsewhere ? Number.POSITIVE_INFINITY : cores,
  );
  const memory = check.bytes(
    "resourceLimits.maxMemory",
    maxMemory,
    elsewhere ? Number.POSITIVE_INFINITY : hostMemory(),
    1,
  );
  return makeLimits(slots, cpu, memory, amounts);
}

/** Memory of this machine, or of the container that this process is in. */
function hostMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

function readDefaults(check: Checker, config: ExecutionConfig): Policy {
  const timeoutMs = check.durationMs("taskTimeout", config.taskTimeout, Number.POSITIVE_INFINITY, 1);
  const retries =
    config.retries === undefined
      ? {}
      : readRetries(config.retries, plainPolicy, (message) => reportRetries(check, message));
  return { ...plainPolicy, ...retries, timeoutMs };
}

function reportRetries(check: Checker, message: string): void {
  const colon = message.indexOf(": ");
  check.report(message.slice(0, colon), message.slice(colon + 2));
}

/** The same configuration for a run that is parallel whatever the mode says. */
export function inParallel(config: ResolvedConfig): ResolvedConfig {
  if (config.mode !== "sequential") return config;
  return { ...config, mode: "parallel", limits: { ...config.limits, slots: config.maxConcurrentTasks } };
}

/** What an executor does beyond running tasks, where somebody asks for it. */
export interface ExecutorFeatures {
  /** Most items of a batch call whose work names no `batchSize`; `undefined` leaves it to the runner of batches. */
  readonly batchSize: number | undefined;
  /** Whether batch tasks are gathered; otherwise each is a call of its own. */
  readonly gather: boolean;
  /** Whether workers of the kinds that a run names are started with the run, and kept until the executor is closed. */
  readonly keepWarm: boolean;
  readonly caching: CacheDefaults;
}

/** Of an executor of which nothing is asked. */
export const plainFeatures: ExecutorFeatures = {
  batchSize: undefined,
  gather: true,
  keepWarm: false,
  caching: askedOnly,
};

const { timeOrigin } = performance;
const longestTimeoutMs = 2 ** 31 - 1;

/** Real time: the monotonic clock, laid on the wall clock's epoch at start. */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  schedule(delayMs, callback) {
    // A longer delay than a timer can hold ends early, and whoever waits for a time asks again.
    const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), longestTimeoutMs));
    return () => clearTimeout(timer);
  },
  yield(callback) {
    setImmediate(callback);
  },
};

/** What one run takes besides its graph. */
export interface RunOptions {
  /** 1 to 200 letters, digits, dots, dashes and underscores. Default: a random UUID. */
  readonly runId?: string;
  /** Cancels the run when it aborts. Default: none. */
  readonly signal?: AbortSignal;
  /**
   * Folder in which the run is journalled, in a folder named by its id, so that a later process can go on with it: see `resume`.
   * Default: no journal.
   */
  readonly journal?: string | JournalOptions;
  /**
   * What no end of a task is lost to: the death of this process, or also of the machine (each group of ends is then flushed to
   * the disk before what depends on it starts). Default `"process-crash"`.
   */
  readonly durability?: Durability;
  /**
   * Goes on with the run of this `runId` where the journal has it, and begins it where not. What succeeded is not run again;
   * what failed, timed out or was cancelled is, unless this is `"unfinished"`: then only what had not ended is run. Default
   * `false`: a run that is in the journal already is refused (`JOURNAL_EXISTS`).
   */
  readonly resume?: boolean | "unfinished";
}

/** Where a run is journalled, and how much is kept. */
export interface JournalOptions {
  /** The folder of the journal; each run has a folder of its own in it, named by its id. */
  readonly folder: string;
  /** Outputs that are larger go to files of their own beside the journal. Default 64 KiB. */
  readonly maxInlineOutput?: Size;
  /** How much of what each attempt logs is kept. Default 16 KiB. */
  readonly maxLog?: Size;
  /** Any plain data to keep with the run, for whoever lists or resumes it. Default: nothing. */
  readonly about?: unknown;
}

const runIdForm = /^[\w.-]{1,200}$/;

const known = ["runId", "signal", "journal", "durability", "resume"] as const satisfies readonly (keyof RunOptions)[];

/** What the options say of the journal, if there is to be one. @throws InvalidOptionError with everything that is wrong. */
export function checkRunOptions(options: RunOptions): JournalSettings | undefined {
  const check = new Checker("run");
  let settings: JournalSettings | undefined;
  if (check.object("", options, known)) {
    const { runId, signal } = options;
    if (runId !== undefined && (typeof runId !== "string" || !runIdForm.test(runId))) {
      check.report("runId", "takes 1 to 200 letters, digits, dots, dashes and underscores");
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) check.report("signal", "takes an AbortSignal");
    settings = readJournal(check, options);
  }
  check.finish();
  return settings;
}

function readJournal(check: Checker, { journal, durability, resume, runId }: RunOptions): JournalSettings | undefined {
  const chosen = check.oneOf("durability", durability, ["process-crash", "power-loss"], "process-crash");
  if (resume !== undefined && typeof resume !== "boolean" && resume !== "unfinished")
    check.report("resume", 'takes true, false or "unfinished"');
  if (journal === undefined) {
    if (resume !== undefined && resume !== false) check.report("resume", "needs a journal to resume from");
    if (durability !== undefined) check.report("durability", "is that of a journal, and none is given");
    return undefined;
  }
  if (resume !== undefined && resume !== false && runId === undefined)
    check.report("resume", "needs the runId of the run to go on with");
  if (runId === "." || runId === "..") check.report("runId", "names a folder of the journal, and this is none");
  const given = typeof journal === "string" ? { folder: journal } : journal;
  if (!check.object("journal", given, ["folder", "maxInlineOutput", "maxLog", "about"])) return undefined;
  const folder = check.string("journal.folder", given.folder, "");
  if (folder === "") check.report("journal.folder", "takes the path of a folder");
  return {
    folder,
    durability: chosen,
    resume: resume === true ? "all" : resume === "unfinished" ? "unfinished" : undefined,
    maxInlineOutput: check.bytes("journal.maxInlineOutput", given.maxInlineOutput, 65_536),
    maxLog: check.bytes("journal.maxLog", given.maxLog, 16_384),
    about: given.about,
  };
}

/** How a stream is run. */
export interface StreamOptions {
  /** Cancels what has not ended, and ends the stream. Default: none. */
  readonly signal?: AbortSignal;
  /** Most tasks in the stream at once: waiting, running, or ended with a result that has not been taken. Default: 4 for each concurrent task, at least 64. */
  readonly window?: number;
  /** How many of the tasks that ended last can still be depended on, though their results were taken. Default 1000. */
  readonly remember?: number;
}

/** @throws InvalidOptionError with everything that is wrong. */
export function checkStreamOptions(options: StreamOptions, slots: number): { window: number; remember: number } {
  const check = new Checker("stream");
  check.object("", options, ["signal", "window", "remember"]);
  const range = { maximum: 1e7, integer: true };
  const window = check.number("window", options.window, { minimum: 1, ...range }, Math.max(64, 4 * slots));
  const remember = check.number("remember", options.remember, { minimum: 0, ...range }, 1000);
  check.finish();
  return { window, remember };
}
