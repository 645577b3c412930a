/**
 * Turns tasks as callers write them into a plan of typed arrays, and refuses what cannot run: every duplicate id,
 * unknown dependency, cycle, bad option and demand beyond the limits, all at once, before anything starts.
 *
 * A million tasks pass through here, so a task that asks for nothing costs a look-up for its id and one for each
 * dependency; policies and demands are read only where a task has the option.
 */
import { InvalidGraphError, type Problem } from "../model/error.js";
import { nearestName } from "../model/nearest-name.js";
import type { Task } from "../model/task.js";
import { DemandReader, type NamedLimits } from "./limits.js";
import type { Adjacency, Demand, Plan } from "./plan.js";
import type { Policy } from "./policy.js";
import { TaskIndex } from "./task-index.js";
import { checkTask, PolicyReader } from "./task-options.js";
import { findCycles, remainingPaths, reversed, startOrder, topologicalOrder } from "./topology.js";

export interface CompileSettings {
  readonly limits: NamedLimits;
  /** The policy of a task that says nothing. */
  readonly defaults: Policy;
  /** Says why work of this kind (`"inline"` for a function) cannot be run here, or `undefined` where it can. */
  readonly refuse?: (kind: string) => string | undefined;
}

export interface CompiledGraph {
  readonly plan: Plan;
  readonly tasks: readonly Task[];
  /** Task numbers by id. */
  readonly numbers: TaskIndex;
}

const mostProblems = 100;

/** Collects problems up to a bound, and counts the rest. */
export class ProblemList {
  readonly problems: Problem[] = [];
  #more = 0;

  add(where: string, message: string): void {
    if (this.problems.length < mostProblems) this.problems.push({ where, message });
    else this.#more++;
  }

  /** Whether further problems are only counted. */
  get full(): boolean {
    return this.problems.length >= mostProblems;
  }

  throwIfAny(): void {
    if (this.problems.length === 0) return;
    const more = this.#more > 0 ? [{ where: "graph", message: `${this.#more} more problems` }] : [];
    throw new InvalidGraphError([...this.problems, ...more]);
  }
}

/** @throws InvalidGraphError with everything that is wrong. */
export function compileGraph(tasks: readonly Task[], settings: CompileSettings): CompiledGraph {
  const problems = new ProblemList();
  const count = tasks.length;
  const numbers = numberTasks(tasks, problems);
  const dependencies = readDependencies(tasks, numbers, problems);
  const options = readOptions(tasks, settings, problems);
  const dependents = reversed(dependencies, count);
  const order = topologicalOrder(dependencies, dependents, count);
  if (order.length < count) reportCycles(tasks, dependencies, order, problems);
  problems.throwIfAny();
  const remainingPath = remainingPaths(order, dependents, options.weight);
  const plan: Plan = {
    count,
    dependencies,
    dependents,
    startOrder: startOrder(remainingPath, options.priority, options.weight === undefined),
    priority: options.priority,
    remainingPath,
    policyOf: options.policyOf,
    policies: options.policies,
    demandOf: options.demandOf,
    demands: options.demands,
  };
  return { plan, tasks, numbers };
}

function numberTasks(tasks: readonly Task[], problems: ProblemList): TaskIndex {
  const numbers = new TaskIndex(tasks.length);
  for (let number = 0; number < tasks.length; number++) {
    const id = tasks[number]?.id;
    // What is no string is told of by the check of its options; here it needs a number of its own all the same.
    if (typeof id !== "string") numbers.add(`\0${number}`);
    else if (numbers.add(id) >= 0) {
      numbers.add(`\0${number}`);
      problems.add(`task ${describeId(id)}`, "has the same id as another task of the graph; ids are unique");
    }
  }
  return numbers;
}

function describeId(id: unknown): string {
  return typeof id === "string" ? id.slice(0, 100) : JSON.stringify(id);
}

function readDependencies(tasks: readonly Task[], numbers: TaskIndex, problems: ProblemList): Adjacency {
  const count = tasks.length;
  const offsets = new Int32Array(count + 1);
  for (let task = 0; task < count; task++) offsets[task + 1] = offsets[task]! + countDependencies(tasks[task]!);
  const targets = new Int32Array(offsets[count]!);
  let edge = 0;
  for (let task = 0; task < count; task++) {
    const { dependsOn, inputs } = tasks[task]!;
    if (Array.isArray(dependsOn)) {
      for (let index = 0; index < dependsOn.length; index++) targets[edge++] = numbers.numberOf(dependsOn[index]!);
    }
    if (inputs !== undefined && inputs !== null)
      for (const name of Object.keys(inputs)) targets[edge++] = numbers.numberOf(inputs[name]!);
  }
  return dropUnknown(tasks, { offsets, targets }, numbers, problems);
}

function countDependencies({ dependsOn, inputs }: Task): number {
  const ordered = Array.isArray(dependsOn) ? dependsOn.length : 0;
  return inputs === undefined || inputs === null ? ordered : ordered + Object.keys(inputs).length;
}

function dependencyIds({ dependsOn, inputs }: Task): readonly string[] {
  const ordered: readonly string[] = Array.isArray(dependsOn) ? dependsOn : [];
  return inputs === undefined || inputs === null ? ordered : [...ordered, ...Object.values(inputs)];
}

/** Reports dependencies on tasks that are not there, and leaves a graph without them, so that its cycles can be told too. */
function dropUnknown(
  tasks: readonly Task[],
  adjacency: Adjacency,
  numbers: TaskIndex,
  problems: ProblemList,
): Adjacency {
  if (!adjacency.targets.includes(-1)) return adjacency;
  const offsets = new Int32Array(tasks.length + 1);
  tasks.forEach((task, number) => {
    const end = adjacency.offsets[number + 1]!;
    const known = adjacency.targets.subarray(adjacency.offsets[number]!, end).filter((target) => target >= 0);
    offsets[number + 1] = offsets[number]! + known.length;
    for (const id of dependencyIds(task)) if (!numbers.has(id)) reportUnknown(task, id, numbers, problems);
  });
  return { offsets, targets: adjacency.targets.filter((target) => target >= 0) };
}

function reportUnknown(task: Task, id: string, numbers: TaskIndex, problems: ProblemList): void {
  const nearest = problems.full || typeof id !== "string" ? undefined : nearestName(id, numbers.keys());
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  problems.add(`task ${describeId(task.id)}`, `depends on "${id}", which is not in the graph${hint}`);
}

interface ReadOptions {
  readonly priority: Int32Array | undefined;
  readonly weight: Float64Array | undefined;
  readonly policyOf: Int32Array | undefined;
  readonly policies: readonly Policy[];
  readonly demandOf: Int32Array | undefined;
  readonly demands: readonly Demand[];
}

function readOptions(tasks: readonly Task[], settings: CompileSettings, problems: ProblemList): ReadOptions {
  const count = tasks.length;
  const policies = new PolicyReader(settings.defaults);
  const demands = new DemandReader(settings.limits);
  let priority: Int32Array | undefined;
  let durations: Float64Array | undefined;
  let policyOf: Int32Array | undefined;
  let demandOf: Int32Array | undefined;
  for (let number = 0; number < count; number++) {
    const task = tasks[number]!;
    const simple = checkTask(task, settings.refuse, problems);
    if (simple) continue;
    const report = (message: string): void => problems.add(`task ${describeId(task.id)}`, message);
    if (task.priority !== undefined && task.priority !== 0) {
      priority ??= new Int32Array(count);
      priority[number] = task.priority;
    }
    const durationMs = policies.durationMs("expectedDuration", task.expectedDuration, report);
    if (durationMs !== undefined) {
      durations ??= new Float64Array(count).fill(-1);
      durations[number] = durationMs;
    }
    const policy = policies.read(task, report);
    if (policy !== 0) {
      policyOf ??= new Int32Array(count);
      policyOf[number] = policy;
    }
    const demand = task.resources === undefined ? 0 : demands.read(task.resources, report);
    if (demand !== 0) {
      demandOf ??= new Int32Array(count);
      demandOf[number] = demand;
    }
  }
  const weight = durations === undefined ? undefined : fillUnknown(durations);
  return { priority, weight, policyOf, policies: policies.policies, demandOf, demands: demands.demands };
}

/** A task of unknown duration is taken to last as long as the others on average. */
function fillUnknown(durations: Float64Array): Float64Array {
  let sum = 0;
  let known = 0;
  for (const duration of durations) {
    if (duration < 0) continue;
    sum += duration;
    known++;
  }
  const mean = known === 0 ? 1 : sum / known;
  return durations.map((duration) => (duration < 0 ? mean : duration));
}

function reportCycles(tasks: readonly Task[], dependencies: Adjacency, order: Int32Array, problems: ProblemList): void {
  for (const cycle of findCycles(dependencies, order, tasks.length, 10)) {
    const path = [...cycle, cycle[0]!].map((task) => describeId(tasks[task]!.id)).join(" -> ");
    problems.add("graph", `has a cycle: ${path}`);
  }
}
