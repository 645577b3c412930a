/** Reads the options of one task: refuses what is malformed or unknown, and turns the rest into a policy. */

import { describe, nearestName } from "../model/check.js";
import { commandProblems } from "../model/command-options.js";
import { isParentFunction } from "../model/graph.js";
import type { RetryPolicy, Task, TriggerRule } from "../model/task.js";
import { type Duration, parseDurationMs } from "../model/units.js";
import type { CommandWork } from "../model/work.js";
import { askedOnly, type CacheDefaults, checkCacheOption, isHandedOver } from "./cache-option.js";
import { type Policy, Trigger } from "./policy.js";

type Report = (message: string) => void;

const triggers: Readonly<Record<TriggerRule, Trigger>> = {
  "all-succeeded": Trigger.allSucceeded,
  "all-done": Trigger.allDone,
  "any-failed": Trigger.anyFailed,
};

/** Options of a task, and whether having one makes it more than a plain function with dependencies. */
const knownOptions: Readonly<Record<keyof Task, boolean>> = {
  id: false,
  run: false,
  dependsOn: false,
  inputs: false,
  with: false,
  name: false,
  version: false,
  priority: true,
  retries: true,
  timeout: true,
  totalTimeout: true,
  resources: true,
  trigger: true,
  when: true,
  expectedDuration: true,
  sandbox: true,
  affinity: true,
  use: true,
  cache: true,
};

const kinds = ["thread", "process", "command", "code", "batch", "deferred"];

/**
 * Checks one task and says whether it is plain: an inline function that asks for nothing but its dependencies.
 * @param place its place in the list, by which a task without an id is told.
 */
export function checkTask(
  task: Task,
  place: number,
  refuse: ((kind: string) => string | undefined) | undefined,
  problems: { add(where: string, message: string): void },
): boolean {
  if (typeof task !== "object" || task === null) {
    problems.add(`tasks[${place}]`, `takes a task, an object with id and run, got ${describe(task)}`);
    return false;
  }
  let simple = true;
  for (const key in task) {
    const asks = knownOptions[key as keyof Task];
    if (asks === false) continue;
    if (asks === undefined) problems.add(whereOf(task), unknownOption(key, Object.keys(knownOptions)));
    else if (task[key as keyof Task] !== undefined) simple = false;
  }
  const { id, run, dependsOn } = task;
  if (typeof id !== "string" || id.length === 0 || id.length > 500)
    problems.add(`tasks[${place}]`, `id: takes a string of 1 to 500 characters, got ${describe(id)}`);
  if (typeof run !== "function") simple = false;
  for (const problem of problemsOfWork(run, refuse)) problems.add(whereOf(task), problem);
  if (dependsOn !== undefined && !Array.isArray(dependsOn))
    problems.add(whereOf(task), "dependsOn: takes an array of task ids");
  if (task.version !== undefined && typeof task.version !== "string")
    problems.add(whereOf(task), "version: takes a string");
  if (task.inputs !== undefined && (typeof task.inputs !== "object" || task.inputs === null))
    problems.add(whereOf(task), "inputs: takes an object of task ids by name");
  if (!simple) checkPriority(task, problems);
  if (task.use !== undefined) checkUseOption(task, (message) => problems.add(whereOf(task), message));
  if (task.affinity !== undefined) checkAffinity(task, problems);
  if (task.cache !== undefined) checkCacheOption(task, (message) => problems.add(whereOf(task), message));
  return simple;
}

function whereOf(task: Task): string {
  return `task ${typeof task.id === "string" ? task.id.slice(0, 100) : JSON.stringify(task.id)}`;
}

function unknownOption(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  return `${key}: unknown option; ${nearest === undefined ? `known: ${known.join(", ")}` : `did you mean "${nearest}"?`}`;
}

function problemsOfWork(run: unknown, refuse: ((kind: string) => string | undefined) | undefined): readonly string[] {
  if (typeof run === "function") return isParentFunction(run) ? none : listed(refuse?.("inline"));
  const kind = typeof run === "object" && run !== null ? (run as { kind?: unknown }).kind : undefined;
  if (typeof kind !== "string" || !kinds.includes(kind)) return [badWork];
  if (kind !== "command") return listed(refuse?.(kind));
  const wrong = commandProblems((run as CommandWork).options).map(({ where, message }) => `${where}: ${message}`);
  return [...listed(refuse?.(kind)), ...wrong];
}

const none: readonly string[] = [];
const badWork =
  "run: takes a function, or work made by worker(), subprocess(), command(), code(), batch() or deferred()";

function listed(problem: string | undefined): readonly string[] {
  return problem === undefined ? none : [problem];
}

function checkPriority(task: Task, problems: { add(where: string, message: string): void }): void {
  const { priority } = task;
  if (priority === undefined || (Number.isInteger(priority) && Math.abs(priority) <= 1_000_000)) return;
  problems.add(whereOf(task), `priority: takes an integer from -1000000 to 1000000, got ${String(priority)}`);
}

function checkAffinity(task: Task, problems: { add(where: string, message: string): void }): void {
  const { affinity } = task;
  if (typeof affinity !== "string" || affinity === "" || affinity.length > 500)
    problems.add(whereOf(task), "affinity: takes a string of 1 to 500 characters");
}

/** Gives tasks that ask for the same the same policy. Policy 0 is the default. */
export class PolicyReader {
  readonly policies: Policy[];
  readonly #defaults: Policy;
  readonly #caching: CacheDefaults;
  readonly #known = new Map<string, number>();

  constructor(defaults: Policy, caching: CacheDefaults = askedOnly) {
    this.#defaults = defaults;
    this.#caching = caching;
    this.policies = [defaults];
    this.#known.set(keyOf(defaults), 0);
  }

  /** Index of the task's policy. */
  read(task: Task, report: Report): number {
    const { retries, trigger, when } = task;
    const timeoutMs = readDurationMs("timeout", task.timeout, report, 1) ?? this.#defaults.timeoutMs;
    const policy: Policy = {
      ...this.#defaults,
      ...(retries === undefined ? undefined : readRetries(retries, this.#defaults, report)),
      timeoutMs,
      totalTimeoutMs: readDurationMs("totalTimeout", task.totalTimeout, report, 1) ?? this.#defaults.totalTimeoutMs,
      trigger: trigger === undefined ? this.#defaults.trigger : readTrigger(trigger, report),
      conditional: when !== undefined,
      reportsStart: typeof task.run !== "function" || isHandedOver(task, this.#caching),
    };
    if (when !== undefined && typeof when !== "function") report(`when: takes a function, got ${describe(when)}`);
    const key = keyOf(policy);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const index = this.policies.push(policy) - 1;
    this.#known.set(key, index);
    return index;
  }
}

/** A duration option in milliseconds; `undefined` where it is absent or refused. "No limit" only where zero is refused too. */
export function readDurationMs(
  name: string,
  value: Duration | undefined,
  report: Report,
  minimumMs = 0,
): number | undefined {
  if (value === undefined) return undefined;
  if (value === Number.POSITIVE_INFINITY && minimumMs > 0) return value;
  try {
    const milliseconds = parseDurationMs(value);
    if (milliseconds >= minimumMs) return milliseconds;
    report(`${name}: takes at least ${minimumMs / 1000} seconds, got ${value}`);
  } catch (error) {
    report(`${name}: ${(error as Error).message}`);
  }
  return undefined;
}

function keyOf(policy: Policy): string {
  return Object.values(policy).join();
}

function readTrigger(trigger: TriggerRule, report: Report): Trigger {
  const known = Object.hasOwn(triggers, trigger) ? triggers[trigger] : undefined;
  if (known === undefined)
    report(`trigger: takes one of ${Object.keys(triggers).join(", ")}, got ${JSON.stringify(trigger)}`);
  return known ?? Trigger.allSucceeded;
}

const retryOptions = ["attempts", "delay", "factor", "maxDelay", "jitter", "retryIf"];

/** The retry part of a policy, from a number of retries or a `RetryPolicy`. */
export function readRetries(retries: number | RetryPolicy, defaults: Policy, report: Report): Partial<Policy> {
  if (typeof retries === "number") {
    if (Number.isInteger(retries) && retries >= 0 && retries <= 1_000_000) return { maxAttempts: retries + 1 };
    report(`retries: takes an integer from 0 to 1000000 or a retry policy, got ${retries}`);
    return {};
  }
  if (typeof retries !== "object" || retries === null) {
    report("retries: takes an integer from 0 to 1000000 or a retry policy");
    return {};
  }
  for (const key of Object.keys(retries))
    if (!retryOptions.includes(key)) report(`retries.${unknownOption(key, retryOptions)}`);
  const { attempts, factor = defaults.factor, jitter = true, retryIf } = retries;
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 1_000_000)
    report(`retries.attempts: takes an integer from 1 to 1000000, got ${attempts}`);
  if (typeof factor !== "number" || !(factor >= 1 && factor <= 100))
    report(`retries.factor: takes a number from 1 to 100, got ${factor}`);
  if (typeof jitter !== "boolean") report(`retries.jitter: takes true or false, got ${JSON.stringify(jitter)}`);
  if (retryIf !== undefined && typeof retryIf !== "function") report("retries.retryIf: takes a function");
  const delayMs = readDurationMs("retries.delay", retries.delay, report) ?? defaults.delayMs;
  const longest = Math.max(defaults.maxDelayMs, delayMs);
  return {
    maxAttempts: attempts,
    factor,
    jitter,
    delayMs,
    maxDelayMs: readDurationMs("retries.maxDelay", retries.maxDelay, report) ?? longest,
  };
}

/** Reads the option `use`. */
export function checkUseOption(task: Task, report: (message: string) => void): void {
  const { use, run } = task;
  if (typeof use !== "object" || use === null || Array.isArray(use)) {
    report("use: takes an object of pools such as { browser: browsers }");
    return;
  }
  if (typeof run !== "function")
    report("use: only a function of this process can use what a pool gives; others would be given a copy");
  const seen = new Set<unknown>();
  for (const [name, source] of Object.entries(use)) {
    if (typeof source?.acquire !== "function") report(`use.${name}: takes a ResourcePool, or anything with acquire()`);
    // Two tasks that each hold one of two would wait for each other.
    else if (seen.has(source)) report(`use.${name}: names a pool that the task uses already`);
    seen.add(source);
    if (Object.hasOwn(task.inputs ?? {}, name) || Object.hasOwn(task.with ?? {}, name))
      report(`use.${name}: is the name of an input too`);
  }
}
