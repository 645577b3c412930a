/**
 * Turns tasks as callers write them into a plan of typed arrays, and refuses what cannot run: every duplicate id,
 * unknown dependency, cycle, bad option and demand beyond the limits, all at once, before anything starts.
 *
 * A million tasks pass through here, so each is looked at once, and one that asks for nothing costs a look-up for its
 * id and one for each dependency; policies and demands are read only where a task has the option.
 */

import { describeId, ProblemList } from "../model/check.js";
import type { Task } from "../model/task.js";
import type { CacheDefaults } from "./cache-option.js";
import { planOrder } from "./drive.js";
import type { NamedLimits, PoolResources } from "./limits.js";
import type { Adjacency, Plan } from "./plan.js";
import type { Policy } from "./policy.js";
import { DependencyReader } from "./read-dependencies.js";
import { OptionReader } from "./read-options.js";
import type { TaskIndex } from "./task-index.js";
import { TaskKinds } from "./task-kinds.js";
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
