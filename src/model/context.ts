/** What a task is given besides its inputs. */
import type { ExecutionResult } from "./result.js";
import type { Task } from "./task.js";

/** The part of a context that every runner gives, in whatever thread, process or machine the attempt runs. */
export interface WorkerContext {
  /** Id of the run. */
  readonly runId: string;
  /** Id of the task. */
  readonly taskId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** W3C Trace Context (`traceparent`, `tracestate`) of the attempt, where it is traced and runs in another thread, process or machine. */
  readonly trace?: Readonly<Record<string, string>>;
  /** Aborted when the attempt times out or is cancelled. */
  readonly signal: AbortSignal;
  /** Reports how far the attempt is, as an event: a fraction from 0 to 1, or any plain data. */
  progress(value: unknown): void;
  /** Writes one line to the task's log, as an event. */
  log(message: string): void;
}

/** The context of a task that runs in the executor's own process. */
export interface TaskContext extends WorkerContext {
  /** The result of a task that this one depends on. Throws `RangeError` for any other id. */
  result(taskId: string): ExecutionResult;
  /** The output of a task that this one depends on; `undefined` where it did not succeed. */
  output(taskId: string): unknown;
  /** Adds tasks to the run. They may depend on one another and on tasks that have ended. Refused as a whole (`InvalidGraphError`) if any is wrong. */
  spawn(tasks: readonly Task[], options?: SpawnOptions): SpawnedTasks;
}

/** How tasks are added. */
export interface SpawnOptions {
  /** Most of these tasks that run at once. Default: the executor's limits alone. */
  readonly concurrency?: number;
}

/** Tasks that a running task has added. */
export interface SpawnedTasks {
  /** Ids of the tasks that were added, in their order. */
  readonly taskIds: readonly string[];
  /** Waits for all of them. The waiting task gives its slot and resources back meanwhile, and takes them again before this resolves. */
  results(): Promise<ReadonlyMap<string, ExecutionResult>>;
}
