/**
 * Carries out functions in this process. An attempt borrows a lane, which owns the two callbacks that a promise needs,
 * so that a task costs no closures; the lane is given back when the attempt ends. An attempt that is abandoned (timed out
 * or cancelled) leaves its lane for good, and what it gives later is dropped.
 */
import type { SpawnedTasks, SpawnOptions, TaskContext } from "../model/context.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Inputs, TaskFunction } from "../model/work.js";

/** What becomes of inline attempts. */
export interface InlineListener {
  inlineSucceeded(task: number, attempt: number, output: unknown): void;
  inlineFailed(task: number, attempt: number, thrown: unknown): void;
}

/** A context that can be told of the attempt's end. */
export interface InlineContext extends TaskContext {
  abort(reason: Error): void;
}

class Lane {
  task = -1;
  attempt = 0;
  context: InlineContext | undefined;
  readonly fulfilled: (output: unknown) => void;
  readonly rejected: (thrown: unknown) => void;

  constructor(owner: InlineAttempts, listener: InlineListener) {
    this.fulfilled = (output) => {
      const { task, attempt } = this;
      if (owner.giveBack(this)) listener.inlineSucceeded(task, attempt, output);
    };
    this.rejected = (thrown) => {
      const { task, attempt } = this;
      if (owner.giveBack(this)) listener.inlineFailed(task, attempt, thrown);
    };
  }
}

export class InlineAttempts {
  readonly #listener: InlineListener;
  readonly #free: Lane[] = [];
  /** Every lane that has not been left, free or not: as many as ever ran at once. */
  readonly #lanes: Lane[] = [];

  constructor(listener: InlineListener) {
    this.#listener = listener;
  }

  start(task: number, attempt: number, run: TaskFunction, inputs: Inputs, context: InlineContext): void {
    const lane = this.#free.pop() ?? this.#addLane();
    lane.task = task;
    lane.attempt = attempt;
    lane.context = context;
    let output: unknown;
    try {
      output = run(inputs, context);
    } catch (thrown) {
      lane.rejected(thrown);
      return;
    }
    if (output instanceof Promise) output.then(lane.fulfilled, lane.rejected);
    else if (isThenable(output)) Promise.resolve(output).then(lane.fulfilled, lane.rejected);
    else lane.fulfilled(output);
  }

  /** Abandons the task's attempt: its signal is aborted, and nothing it does from now on counts. */
  abandon(task: number, reason: Error): void {
    const place = this.#lanes.findIndex((lane) => lane.task === task);
    if (place < 0) return;
    const [lane] = this.#lanes.splice(place, 1) as [Lane];
    const { context } = lane;
    lane.task = -1;
    lane.context = undefined;
    context?.abort(reason);
  }

  /** Takes the lane back; false where its attempt was abandoned. */
  giveBack(lane: Lane): boolean {
    if (lane.task < 0) return false;
    lane.task = -1;
    lane.context = undefined;
    this.#free.push(lane);
    return true;
  }

  #addLane(): Lane {
    const lane = new Lane(this, this.#listener);
    this.#lanes.push(lane);
    return lane;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === "object" || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

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
