/**
 * Runs a graph on simulated time: the same scheduler, with attempts that do nothing but last. So what it predicts is what
 * the executor would do if every duration were right.
 */
import { Checker } from "../model/check.js";
import { TaskGraph } from "../model/graph.js";
import type { Task } from "../model/task.js";
import { type Duration, parseDurationMs, type Size } from "../model/units.js";
import { compileGraph } from "./compile.js";
import { drive, driveFirstIn } from "./drive.js";
import { makeLimits } from "./limits.js";
import type { Plan } from "./plan.js";
import { plainPolicy } from "./policy.js";

/** How a graph is simulated. */
export interface SimulationOptions {
  /** Attempts at once; from 1. */
  readonly workers: number;
  /** `"planned"` is the executor's own order (default); `"first-in"` starts tasks in the order in which they become ready. */
  readonly order?: "planned" | "first-in";
  /** Of a task that declares no `expectedDuration`. Default 1 second. */
  readonly defaultDuration?: Duration;
  /** CPU that tasks may declare together, in cores. Default: no limit. */
  readonly maxCpuCores?: number;
  /** Memory that tasks may declare together. Default: no limit. */
  readonly maxMemory?: Size;
  /** Capacities of custom resources. Default: none. */
  readonly resources?: Readonly<Record<string, number>>;
}

/** A task as the simulation ran it. */
export interface SimulatedTask {
  /** Id of the task. */
  readonly taskId: string;
  /** Seconds from the start of the run. */
  readonly start: number;
  /** Seconds from the start of the run. */
  readonly end: number;
  /** From 0 to `workers` - 1. */
  readonly worker: number;
}

/** What a simulated run came to. */
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
  /** When each task ran, in the order of the starts. */
  readonly tasks: readonly SimulatedTask[];
}

/**
 * Predicts a run from the tasks' `expectedDuration`. What tasks do, retries, conditions and triggers is left out: each task
 * succeeds at its first attempt.
 *
 * @example
 * const tasks = ["a", "b", "c"].map((id) => ({ id, run: () => id, expectedDuration: "10s" }));
 * console.log(simulate(tasks, { workers: 2 }).makespan); // prints 20
 *
 * @throws InvalidGraphError for a graph that could not run; InvalidOptionError.
 */
export function simulate(graph: TaskGraph | readonly Task[], options: SimulationOptions): Simulation {
  const tasks = graph instanceof TaskGraph ? graph.tasks : graph;
  const { workers, order, defaultDuration, maxCpuCores, maxMemory, resources } = checkOptions(options);
  const durations = tasks.map((task) =>
    task.expectedDuration === undefined ? defaultDuration : parseDurationMs(task.expectedDuration) / 1000,
  );
  const durationsMs = durations.map((duration) => duration * 1000);
  const plain = tasks.map((task, index) => plainTask(task, durations[index]!));
  const limits = makeLimits(workers, maxCpuCores, maxMemory, resources);
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

const optionNames = [
  "workers",
  "order",
  "defaultDuration",
  "maxCpuCores",
  "maxMemory",
  "resources",
] as const satisfies readonly (keyof SimulationOptions)[];

function checkOptions(options: SimulationOptions) {
  const check = new Checker("simulate");
  if (!check.object("", options, optionNames)) check.finish();
  if (options.workers === undefined) check.report("workers", "is missing: takes an integer from 1");
  const checked = {
    workers: check.number("workers", options.workers, { minimum: 1, integer: true }, 1),
    order: check.oneOf("order", options.order, ["planned", "first-in"], "planned"),
    defaultDuration: check.durationMs("defaultDuration", options.defaultDuration, 1000) / 1000,
    maxCpuCores: check.number("maxCpuCores", options.maxCpuCores, { minimum: 0 }, Number.POSITIVE_INFINITY),
    maxMemory: check.bytes("maxMemory", options.maxMemory, Number.POSITIVE_INFINITY),
    resources: options.resources ?? {},
  };
  check.finish();
  return checked;
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
