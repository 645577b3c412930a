/**
 * Runs a graph on simulated time: the same scheduler, with attempts that do nothing but last. So what it predicts is what
 * the executor would do if every duration were right.
 */
import type { Task } from "../model/task.js";
import { parseBytes, parseDurationMs } from "../model/units.js";
import { compileGraph } from "./compile.js";
import { drive, driveFirstIn } from "./drive.js";
import { makeLimits } from "./limits.js";
import type { Plan } from "./plan.js";
import { plainPolicy } from "./policy.js";

export interface SimulationOptions {
  /** Attempts at once; from 1. */
  readonly workers: number;
  /** `"planned"` is the executor's own order (default); `"first-in"` starts tasks in the order in which they become ready. */
  readonly order?: "planned" | "first-in";
  /** Seconds of a task that declares no `expectedDuration`. Default 1. */
  readonly defaultDuration?: number;
  readonly maxCpuCores?: number;
  readonly maxMemory?: number | string;
  /** Capacities of custom resources. */
  readonly resources?: Readonly<Record<string, number>>;
}

export interface SimulatedTask {
  readonly taskId: string;
  /** Seconds from the start of the run. */
  readonly start: number;
  readonly end: number;
  /** From 0 to `workers` - 1. */
  readonly worker: number;
}

export interface Simulation {
  /** Seconds from the first start to the last end. */
  readonly makespan: number;
  /** Seconds of all tasks together. */
  readonly work: number;
  /** Seconds of the longest path of dependencies. */
  readonly criticalPath: number;
  /** No schedule can be shorter: the longer of the critical path and the work divided by the workers. */
  readonly lowerBound: number;
  /** Part of the workers' time that was worked, from 0 to 1. */
  readonly utilization: number;
  readonly tasks: readonly SimulatedTask[];
}

/**
 * Predicts a run from the tasks' `expectedDuration`. What tasks do, retries, conditions and triggers is left out: each task
 * succeeds at its first attempt.
 *
 * @throws InvalidGraphError for a graph that could not run; `RangeError` for workers below 1.
 */
export function simulate(tasks: readonly Task[], options: SimulationOptions): Simulation {
  const { workers, order = "planned", defaultDuration = 1 } = options;
  if (!Number.isInteger(workers) || workers < 1)
    throw new RangeError(`workers: takes an integer from 1, got ${workers}`);
  const durations = tasks.map((task) =>
    task.expectedDuration === undefined ? defaultDuration : parseDurationMs(task.expectedDuration) / 1000,
  );
  const durationsMs = durations.map((duration) => duration * 1000);
  const plain = tasks.map((task, index) => plainTask(task, durations[index]!));
  const limits = makeLimits(
    workers,
    options.maxCpuCores ?? Number.POSITIVE_INFINITY,
    options.maxMemory === undefined ? Number.POSITIVE_INFINITY : parseBytes(options.maxMemory),
    options.resources ?? {},
  );
  const { plan } = compileGraph(plain, { limits, defaults: plainPolicy });
  const criticalPath = longestPathMs(plan) / 1000;
  const attempts = order === "first-in" ? driveFirstIn(plan, limits, durationsMs) : drive(plan, limits, durationsMs);
  const simulated = attempts.map(({ task, startMs, endMs, worker }) => ({
    taskId: tasks[task]!.id,
    start: startMs / 1000,
    end: endMs / 1000,
    worker,
  }));
  const makespan = simulated.reduce((last, { end }) => Math.max(last, end), 0);
  const work = durations.reduce((sum, duration) => sum + duration, 0);
  const lowerBound = Math.max(criticalPath, work / workers);
  return {
    makespan,
    work,
    criticalPath,
    lowerBound,
    utilization: makespan === 0 ? 0 : work / (makespan * workers),
    tasks: simulated,
  };
}

function plainTask({ id, dependsOn, inputs, priority, resources }: Task, duration: number): Task {
  const task: { -readonly [Key in keyof Task]: Task[Key] } = { id, run: () => undefined, expectedDuration: duration };
  if (dependsOn !== undefined) task.dependsOn = dependsOn;
  if (inputs !== undefined) task.inputs = inputs;
  if (priority !== undefined) task.priority = priority;
  if (resources !== undefined) task.resources = resources;
  return task;
}

function longestPathMs(plan: Plan): number {
  let longest = 0;
  for (let task = 0; task < plan.count; task++) longest = Math.max(longest, plan.remainingPath[task]!);
  return longest;
}
