/**
 * Tasks that run again what did not succeed in an earlier run, with what did succeed as it was.
 *
 *     earlier run     a ok ---> b failed ---> c skipped      d ok
 *     rerun           a' ------> b -----------> c            (a' gives at once what a gave; d is not needed)
 *
 * What is run again: the tasks that were asked for, all that depends on them, however that had ended, and all that they
 * need and that did not succeed. What else they depend on is there as a task of the same id that ends as it had ended.
 */
import { InvalidOptionError } from "../model/error.js";
import type { RunEvent } from "../model/event.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Run } from "./run.js";

/** What is run again of an earlier run. */
export interface RerunOptions {
  /** The tasks to run again, with all that depends on them. Default: every task that has not succeeded. */
  readonly taskIds?: readonly string[];
}

/** @throws InvalidOptionError for an id that is not in the run's graph, and where everything has succeeded. */
export function tasksToRerun(run: Run, options: RerunOptions): Task[] {
  const tasks = new Map(run.tasks.map((task) => [task.id, task]));
  const unknown = (options.taskIds ?? []).filter((id) => !tasks.has(id));
  if (unknown.length > 0) throw invalid("taskIds", `no task of this graph: ${unknown.join(", ")}`);
  const wanted = options.taskIds ?? run.tasks.filter(({ id }) => unsuccessful(run, id)).map(({ id }) => id);
  if (wanted.length === 0)
    throw invalid("run", "everything in it has succeeded or still goes on: nothing to run again");
  const again = withDependents(run.tasks, withFailedNeeds(run, tasks, wanted));
  const needed = new Set<string>();
  for (const id of again) for (const other of needsOf(tasks.get(id)!)) if (!again.has(other)) needed.add(other);
  return run.tasks
    .filter(({ id }) => again.has(id) || needed.has(id))
    .map((task) => (again.has(task.id) ? task : asItEnded(run, task)));
}

function invalid(where: string, message: string): InvalidOptionError {
  return new InvalidOptionError([{ where: `rerun.${where}`, message }]);
}

function unsuccessful(run: Run, id: string): boolean {
  return run.result(id)?.success === false;
}

function needsOf({ dependsOn = [], inputs = {} }: Task): string[] {
  return [...dependsOn, ...Object.values(inputs)];
}

/** The tasks, and those before them without whose success they cannot run. */
function withFailedNeeds(run: Run, tasks: ReadonlyMap<string, Task>, ids: readonly string[]): Set<string> {
  const reached = new Set(ids);
  for (const id of reached) for (const need of needsOf(tasks.get(id)!)) if (unsuccessful(run, need)) reached.add(need);
  return reached;
}

function withDependents(tasks: readonly Task[], ids: ReadonlySet<string>): Set<string> {
  const dependents = new Map<string, string[]>();
  for (const task of tasks)
    for (const need of needsOf(task)) {
      const known = dependents.get(need);
      if (known === undefined) dependents.set(need, [task.id]);
      else known.push(task.id);
    }
  const reached = new Set(ids);
  for (const id of reached) for (const dependent of dependents.get(id) ?? []) reached.add(dependent);
  return reached;
}

/** A task that ends as this one did in the earlier run, when it has. */
function asItEnded(run: Run, { id, name }: Task): Task {
  const give = async (): Promise<unknown> => {
    const result = run.result(id) ?? (await endOf(run, id));
    if (result.success) return result.output;
    throw result.error;
  };
  return { id, ...(name !== undefined && { name }), run: give };
}

function endOf(run: Run, id: string): Promise<ExecutionResult> {
  return new Promise((resolve) => {
    const observer = {
      observe(event: RunEvent): void {
        if (event.type !== "task-ended" || event.taskId !== id) return;
        run.unobserve(observer);
        resolve(event.result);
      },
    };
    run.observe(observer);
  });
}
