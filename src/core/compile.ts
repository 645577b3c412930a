/**
 * Turns tasks as callers write them into a plan of typed arrays, and refuses what cannot run: every duplicate id,
 * unknown dependency, cycle, bad option and demand beyond the limits, all at once, before anything starts.
 *
 * A million tasks pass through here, so each is looked at once, and one that asks for nothing costs a look-up for its
 * id and one for each dependency; policies and demands are read only where a task has the option. Tasks that are added to
 * a run that has started pass the same checks.
 */

import { describeId, ProblemList } from "../model/check.js";
import type { Task } from "../model/task.js";
import { askedOnly, type CacheDefaults, isHandedOver } from "./cache-option.js";
import { planOrder } from "./drive.js";
import { DemandReader, type NamedLimits, PoolResources } from "./limits.js";
import type { Adjacency, Demand, Plan, TaskDefinition } from "./plan.js";
import type { Policy } from "./policy.js";
import { BatchKeys, DependencyReader, OptionReader } from "./read-tasks.js";
import type { TaskIndex } from "./task-index.js";
import { TaskKinds } from "./task-kinds.js";
import { checkTask, PolicyReader } from "./task-options.js";
import { findCycles, remainingHops, remainingWeights, reversed, startOrder, topologicalOrder } from "./topology.js";

export interface CompileSettings {
  readonly limits: NamedLimits;
  /** The policy of a task that says nothing. */
  readonly defaults: Policy;
  /** How tasks that say nothing are cached. Default: not. */
  readonly caching?: CacheDefaults;
  /** Says why work of this kind (`"inline"` for a function) cannot be run here, or `undefined` where it can. */
  readonly refuse?: (kind: string) => string | undefined;
  /** Whether the kinds of the tasks are to be read, for observers that count. */
  readonly readKinds?: boolean;
}

export interface CompiledGraph {
  readonly plan: Plan;
  readonly tasks: readonly Task[];
  /** Task numbers by id. */
  readonly numbers: TaskIndex;
  /** The pools that tasks use. */
  readonly pools: PoolResources;
  /** Where they were to be read. */
  readonly kinds: TaskKinds | undefined;
}

/** @throws InvalidGraphError with everything that is wrong. */
export function compileGraph(tasks: readonly Task[], settings: CompileSettings): CompiledGraph {
  const problems = new ProblemList();
  const count = tasks.length;
  const edges = new DependencyReader(count, problems);
  const options = new OptionReader(count, settings, problems);
  const kinds = settings.readKinds ? new TaskKinds(count) : undefined;
  for (let number = 0; number < count; number++) {
    const task = tasks[number]!;
    edges.read(number, task, kinds);
    options.read(number, task);
  }
  const dependencies = edges.finish(tasks);
  const dependents = reversed(dependencies, count);
  const order = edges.ordered ? undefined : topologicalOrder(dependencies, dependents, count);
  if (order !== undefined && order.length < count) reportCycles(tasks, dependencies, order, problems);
  problems.throwIfAny();
  const { priority, policyOf, policies, demandOf, demands, weight } = options;
  const remainingPath =
    weight === undefined ? remainingHops(order, dependents, count) : remainingWeights(order, dependents, weight);
  const plan: Plan = {
    count,
    dependencies,
    dependents,
    startOrder: startOrder(remainingPath, priority),
    priority,
    remainingPath,
    policyOf,
    policies,
    demandOf,
    demands,
    poolCapacities: options.pools.capacities,
  };
  options.pools.freeze();
  return {
    plan: weight === undefined ? plan : planOrder(plan, settings.limits, weight),
    tasks,
    numbers: edges.numbers,
    pools: options.pools,
    kinds,
  };
}

function reportCycles(tasks: readonly Task[], dependencies: Adjacency, order: Int32Array, problems: ProblemList): void {
  for (const cycle of findCycles(dependencies, order, tasks.length, 10)) {
    const path = [...cycle, cycle[0]!].map((task) => describeId(tasks[task]!.id)).join(" -> ");
    problems.add("graph", `has a cycle: ${path}`);
  }
}

/** What the additions may refer to. */
export interface RunSoFar {
  /** Number of a task of the run, or `undefined`. */
  number(id: string): number | undefined;
  /** Whether an added task may wait for it: it has ended, or is a child of the same parent. */
  mayDependOn(number: number): boolean;
}

/** Reads policies and demands across all additions of a run, so that like tasks share them. */
export class AdditionCompiler {
  readonly #settings: CompileSettings;
  readonly #policies: PolicyReader;
  readonly #demands: DemandReader;
  readonly #batches = new BatchKeys();

  /** @param pools those of the plan; an addition that uses another waits for it in its slot. */
  constructor(settings: CompileSettings & { readonly limits: NamedLimits }, pools?: PoolResources) {
    this.#settings = settings;
    this.#policies = new PolicyReader(settings.defaults, settings.caching);
    this.#demands = new DemandReader(settings.limits, pools ?? noPools());
  }

  /**
   * Definitions of the tasks, whose numbers will be `numbers`. `group` turns a demand into that of the group's members.
   * @throws InvalidGraphError with everything that is wrong.
   */
  compile(
    tasks: readonly Task[],
    numbers: readonly number[],
    run: RunSoFar,
    group: (demand: Demand) => Demand,
  ): TaskDefinition[] {
    const problems = new ProblemList();
    const places = new Map<string, number>();
    tasks.forEach((task, place) => {
      const taken = places.has(task.id) || run.number(task.id) !== undefined;
      if (taken) problems.add(`task ${task.id}`, "has the id of another task of the run; ids are unique");
      places.set(task.id, place);
    });
    const within: number[][] = [];
    const definitions = tasks.map((task, place): TaskDefinition => {
      const report = (message: string): void => problems.add(`task ${task.id}`, message);
      const plain = checkTask(task, place, this.#settings.refuse, problems);
      const simple = plain && !isHandedOver(task, this.#settings.caching ?? askedOnly);
      this.#batches.read(task, report);
      within[place] = [];
      const dependencies: number[] = [];
      for (const id of dependencyIds(task)) {
        const sibling = places.get(id);
        const number = sibling === undefined ? run.number(id) : numbers[sibling];
        if (number === undefined) report(`depends on "${id}", which is not in the run`);
        else if (sibling !== undefined) within[place]!.push(sibling);
        else if (!run.mayDependOn(number))
          report(
            `depends on "${id}", which has not ended and was not added by the same task: it could wait for this one`,
          );
        if (number !== undefined) dependencies.push(number);
      }
      const policy = this.#policies.policies[simple ? 0 : this.#policies.read(task, report)]!;
      const demand =
        this.#demands.demands[
          task.resources === undefined && task.use === undefined ? 0 : this.#demands.read(task, report)
        ]!;
      return { dependencies, priority: task.priority ?? 0, remainingPath: 0, policy, demand: group(demand) };
    });
    const paths = pathsWithin(tasks, within, problems);
    problems.throwIfAny();
    return definitions.map((definition, place) => ({ ...definition, remainingPath: paths[place]! }));
  }
}

function noPools(): PoolResources {
  const pools = new PoolResources(0);
  pools.freeze();
  return pools;
}

function dependencyIds(task: Task): readonly string[] {
  const named = task.inputs === undefined || task.inputs === null ? [] : Object.values(task.inputs);
  return Array.isArray(task.dependsOn) ? [...task.dependsOn, ...named] : named;
}

/** Longest path within the batch, in hops. */
function pathsWithin(
  tasks: readonly Task[],
  within: readonly number[][],
  problems: ProblemList,
): Int32Array | number[] {
  if (within.every((dependencies) => dependencies.length === 0)) return within.map(() => 1);
  const count = tasks.length;
  const offsets = new Int32Array(count + 1);
  within.forEach((dependencies, place) => {
    offsets[place + 1] = offsets[place]! + dependencies.length;
  });
  const dependencies: Adjacency = { offsets, targets: Int32Array.from(within.flat()) };
  const dependents = reversed(dependencies, count);
  const order = topologicalOrder(dependencies, dependents, count);
  if (order.length === count) return remainingHops(order, dependents, count);
  for (const cycle of findCycles(dependencies, order, count, 10)) {
    problems.add("graph", `has a cycle: ${[...cycle, cycle[0]!].map((place) => tasks[place]!.id).join(" -> ")}`);
  }
  return within.map(() => 1);
}
