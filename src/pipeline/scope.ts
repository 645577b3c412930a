/** What stands behind the names of an expression while a run goes on. */

import type { ExecutionResult } from "../model/result.js";
import type { ConditionContext } from "../model/task.js";
import type { Scope } from "./expression.js";
import type { Pipeline, PipelineTask } from "./pipeline.js";

/** The part of a scope that one run keeps from its start to its end. */
export interface RunScope {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}

/** Gives the results of tasks: a running task's context, or the results of a run. */
export type ResultSource = Pick<ConditionContext, "result">;

/** Makes the scopes of one run of a pipeline. */
export class ScopeMaker {
  readonly run: RunScope;
  readonly #tasks: ReadonlyMap<string, PipelineTask>;

  constructor(pipeline: Pipeline, run: RunScope) {
    this.run = run;
    this.#tasks = new Map(pipeline.tasks.map((task) => [task.id, task]));
  }

  /** `inputs`, `env` and `tasks`, with those tasks that `ids` names. */
  base(ids: readonly string[], source: ResultSource): Scope {
    const tasks: Record<string, unknown> = {};
    for (const id of ids) tasks[id] = this.#describe(id, source.result(id));
    return { ...this.run, tasks };
  }

  /** `inputs`, `env` and what `outputs` is made from. */
  ofOutput(output: unknown): Scope {
    return { ...this.run, output };
  }

  /** What `tasks.<id>` is. `output` and `outputs` are there where the task succeeded, `error` where it did not. */
  #describe(id: string, result: ExecutionResult): Record<string, unknown> {
    const { status, attempts } = result;
    if (!result.success) return { status, attempts, error: describeError(result.error) };
    const outputs = this.#tasks.get(id)?.templates.outputs?.evaluate(this.ofOutput(result.output));
    return { status, attempts, output: result.output, ...(outputs === undefined ? {} : { outputs }) };
  }
}

/** An error as expressions see it. */
export function describeError(error: Error): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return { name: error.name, message: error.message, code: typeof code === "string" ? code : "" };
}
