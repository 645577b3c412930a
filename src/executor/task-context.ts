/** The context of an attempt in this process. What is rarely used is made when it is asked for. */
import type { SpawnedTasks, SpawnOptions, TaskContext } from "../model/context.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { InlineContext } from "./inline-attempts.js";

/** What a context asks of its run. */
export interface ContextHost {
  readonly id: string;
  idOf(task: number): string;
  dependencyResult(task: number, dependencyId: string): ExecutionResult;
  progressed(task: number, attempt: number, value: unknown): void;
  logged(task: number, attempt: number, stream: "stdout" | "stderr" | "log", text: string): void;
  spawn(task: number, attempt: number, tasks: readonly Task[], options: SpawnOptions): SpawnedTasks;
}

export class InlineTaskContext implements TaskContext, InlineContext {
  readonly #host: ContextHost;
  readonly #task: number;
  readonly attempt: number;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;

  constructor(host: ContextHost, task: number, attempt: number) {
    this.#host = host;
    this.#task = task;
    this.attempt = attempt;
  }

  get runId(): string {
    return this.#host.id;
  }

  get taskId(): string {
    return this.#host.idOf(this.#task);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  progress(value: unknown): void {
    if (this.#aborted === undefined) this.#host.progressed(this.#task, this.attempt, value);
  }

  log(message: string): void {
    if (this.#aborted === undefined) this.#host.logged(this.#task, this.attempt, "log", message);
  }

  result(taskId: string): ExecutionResult {
    return this.#host.dependencyResult(this.#task, taskId);
  }

  output(taskId: string): unknown {
    return this.result(taskId).output;
  }

  spawn(tasks: readonly Task[], options: SpawnOptions = {}): SpawnedTasks {
    if (this.#aborted !== undefined) throw this.#aborted;
    return this.#host.spawn(this.#task, this.attempt, tasks, options);
  }

  abort(reason: Error): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}
