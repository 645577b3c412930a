/**
 * Tasks that repeat their work: once for each item of a list, or until a condition holds. Items and iterations are tasks
 * of their own (`id[0]`, `id#0`), added while the run goes on; the repeating task waits for them without holding a slot.
 */
import type { TaskContext } from "../model/context.js";
import { OrchestratorError } from "../model/error.js";
import type { ExecutionResult } from "../model/result.js";
import type { ConditionContext, Task } from "../model/task.js";
import type { Inputs } from "../model/work.js";
import type { Scope } from "./expression.js";
import { type PipelineTask, taskOnly } from "./pipeline.js";
import { makeWork, type WorkPlace } from "./task-work.js";

/** Makes what each item or iteration shares: retries, timeout, resources. */
export type AttemptOptions = Partial<Task>;
type Run = (inputs: Inputs, context: TaskContext) => Promise<unknown>;

/** The function of a task with `forEach`. Its output is the list of its items' outputs, in order. */
export function forEachRun(task: PipelineTask, place: WorkPlace, options: AttemptOptions): Run {
  const { concurrency } = taskOnly(task.definition);
  return async (_inputs, context) => {
    const base = place.scopes.base(task.needs, context);
    const items = task.templates.forEach!.evaluate(base);
    if (!Array.isArray(items)) throw wrongValue(`forEach takes a list, got ${describe(items)}`);
    const children = items.map((item: unknown, index) => ({
      ...options,
      id: `${task.id}[${index}]`,
      name: task.id,
      ...childWork(task, place, { ...base, item, index }),
    }));
    const spawned = context.spawn(children, concurrency === undefined ? {} : { concurrency });
    return checkOutputs(task, place, outputsOf(task.id, await spawned.results()));
  };
}

/** The function of a task with `loop`. Its output is the last iteration's. */
export function loopRun(task: PipelineTask, place: WorkPlace, options: AttemptOptions): Run {
  const { maxIterations } = taskOnly(task.definition).loop!;
  return async (_inputs, context) => {
    const base = place.scopes.base(task.needs, context);
    let previous: unknown = null;
    for (let index = 0; index < maxIterations; index++) {
      const work = childWork(task, place, { ...base, index, previous });
      const child = { ...options, id: `${task.id}#${index}`, name: task.id, ...work };
      [previous] = outputsOf(task.id, await context.spawn([child]).results());
      const done = task.templates.until!.evaluate({ ...base, index, output: previous });
      if (typeof done !== "boolean") throw wrongValue(`until takes true or false, got ${describe(done)}`);
      if (done) return checkOutputs(task, place, previous);
    }
    const message = `until did not hold in ${maxIterations} iterations; raise maxIterations, or look at the condition`;
    throw new OrchestratorError("LOOP_LIMIT", message, {
      failureReason: { kind: "loop-limit", iterations: maxIterations },
    });
  };
}

function childWork(task: PipelineTask, place: WorkPlace, scope: Scope): Pick<Task, "run" | "with"> {
  return makeWork(task, place, (_context: ConditionContext) => scope);
}

function checkOutputs(task: PipelineTask, { scopes }: WorkPlace, output: unknown): unknown {
  task.templates.outputs?.evaluate(scopes.ofOutput(output));
  return output;
}

function outputsOf(taskId: string, results: ReadonlyMap<string, ExecutionResult>): unknown[] {
  const failed = [...results.values()].filter((result) => !result.success);
  const [first] = failed;
  if (first === undefined) return Array.from(results.values(), (result) => result.output);
  const amount = results.size === 1 ? `"${first.taskId}"` : `${failed.length} of ${results.size} tasks of "${taskId}"`;
  const which = results.size === 1 ? "" : `; the first is "${first.taskId}"`;
  throw new OrchestratorError("CHILD_TASK_FAILED", `${amount} did not succeed${which}: ${first.error!.message}`, {
    cause: first.error,
    failureReason: { kind: "child-failed", taskIds: failed.map((result) => result.taskId) },
  });
}

function wrongValue(message: string): OrchestratorError {
  return new OrchestratorError("INVALID_OPTION", message);
}

/** A value's kind, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return JSON.stringify(value).slice(0, 60);
}
