/** The tasks of a pipeline as a simulation needs them: what they wait for, what they hold, and how long they last. */
import type { Task, TaskResources } from "../model/task.js";
import type { Size } from "../model/units.js";
import { type Pipeline, type PipelineTask, taskOnly } from "./pipeline.js";

export interface SimulatedGraph {
  readonly name: string;
  /** Each with its `expectedDuration` where it is known. */
  readonly tasks: readonly Task[];
  readonly maxCpuCores?: number;
  readonly maxMemory?: Size;
  /** Capacities of custom resources. */
  readonly resources: Readonly<Record<string, number>>;
  /** Ids of tasks whose duration nobody knows. */
  readonly unknown: readonly string[];
}

/**
 * A run in which everything succeeds: failure handlers, and tasks that wait for a failure, are left out. Items and iterations
 * of tasks that repeat are known only from a recorded run; without one, such a task is a single one.
 *
 * @param recorded seconds that tasks ran, by id, items and iterations included
 */
export function simulatedGraph(pipeline: Pipeline, recorded: ReadonlyMap<string, number> = new Map()): SimulatedGraph {
  const { limits = {} } = pipeline.definition;
  const resources: Record<string, number> = { ...limits.resources };
  const runs = pipeline.tasks.filter(
    (task) => task.handles === undefined && taskOnly(task.definition).trigger !== "any-failed",
  );
  const ids = new Set(runs.map(({ id }) => id));
  const unknown: string[] = [];
  const tasks = runs.flatMap((task) => {
    const children = childrenOf(task.id, recorded);
    if (children.length > 0) return expand(task, children, ids, recorded, resources);
    const { expectedDuration } = taskOnly(task.definition);
    const duration = recorded.get(task.id) ?? expectedDuration;
    if (duration === undefined) unknown.push(task.id);
    return [makeTask(task, task.id, needsOf(task, ids), duration)];
  });
  return {
    name: pipeline.name,
    tasks,
    resources,
    unknown,
    ...(limits.maxCpuCores !== undefined && { maxCpuCores: limits.maxCpuCores }),
    ...(limits.maxMemory !== undefined && { maxMemory: limits.maxMemory }),
  };
}

function needsOf(task: PipelineTask, ids: ReadonlySet<string>): string[] {
  return task.needs.filter((id) => ids.has(id));
}

/** Ids of recorded items (`id[0]`) or iterations (`id#0`), in order. */
function childrenOf(id: string, recorded: ReadonlyMap<string, number>): string[] {
  const children: string[] = [];
  for (const form of [(index: number) => `${id}[${index}]`, (index: number) => `${id}#${index}`])
    for (let index = 0; recorded.has(form(index)); index++) children.push(form(index));
  return children;
}

/** Items side by side, as many as `concurrency` allows; iterations one after another; the task itself waits for all. */
function expand(
  task: PipelineTask,
  children: readonly string[],
  ids: ReadonlySet<string>,
  recorded: ReadonlyMap<string, number>,
  capacities: Record<string, number>,
): Task[] {
  const { loop, concurrency } = taskOnly(task.definition);
  const needs = needsOf(task, ids);
  const place = `concurrency of ${task.id}`;
  if (concurrency !== undefined) capacities[place] = concurrency;
  const members = children.map((id, index) => {
    const before = loop === undefined || index === 0 ? needs : [children[index - 1]!];
    return makeTask(task, id, before, recorded.get(id), concurrency === undefined ? {} : { [place]: 1 });
  });
  const { id, priority = 0 } = { id: task.id, ...task.definition };
  return [...members, { id, priority, dependsOn: children, expectedDuration: 0, run: () => undefined }];
}

function makeTask(
  { definition }: PipelineTask,
  id: string,
  dependsOn: readonly string[],
  duration: number | string | undefined,
  held: TaskResources = {},
): Task {
  const resources = { ...(definition.resources as TaskResources | undefined), ...held };
  return {
    id,
    dependsOn,
    run: () => undefined,
    resources,
    ...(definition.priority !== undefined && { priority: definition.priority }),
    ...(duration !== undefined && { expectedDuration: duration }),
  };
}
