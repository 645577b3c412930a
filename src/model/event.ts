/**
 * What happens in a run, in order. The monitor, journal, command line, web page and traces read these events and
 * nothing else. Every event carries when it happened (`at`, milliseconds since the epoch) and its place in the run
 * (`sequence`, from 0 without a gap).
 */
import type { AttemptFacts, ExecutionResult, FailureReason, ResourceUsage, TaskStatus } from "./result.js";

interface EventBase {
  readonly sequence: number;
  readonly at: number;
  readonly runId: string;
}

interface RunLevel extends EventBase {
  readonly taskId?: undefined;
}

interface TaskLevel extends EventBase {
  readonly taskId: string;
  /** Kind of task, as in `TaskOptions.name`. */
  readonly name: string;
}

interface AttemptLevel extends TaskLevel {
  /** 1 for the first. */
  readonly attempt: number;
}

/** The tasks of a run and what they depend on, by number from 0. Each look-up reads the run's own tables; nothing is copied. */
export interface GraphOutline {
  readonly size: number;
  taskId(task: number): string;
  /** Kind of task, as in `TaskOptions.name`. */
  name(task: number): string;
  /** Numbers of the tasks that it depends on. */
  dependencies(task: number): ArrayLike<number>;
}

export interface RunStartedEvent extends RunLevel {
  readonly type: "run-started";
  readonly graph: string;
  readonly taskCount: number;
  /** What the tasks are; absent where events come from a place that did not keep it. */
  readonly outline?: GraphOutline;
  /** What attempts may hold at once: `slots`, `cpu` in cores, `memory` in bytes, and custom resources. */
  readonly limits: Readonly<Record<string, number>>;
}

/** A running task has added tasks. */
export interface TasksAddedEvent extends TaskLevel {
  readonly type: "tasks-added";
  readonly taskIds: readonly string[];
  /** Kind of each, and the ids of the tasks that it depends on, in the order of `taskIds`. */
  readonly added?: readonly { readonly name: string; readonly dependsOn: readonly string[] }[];
}

/** All that the task waited for has ended (or its retry delay has): it starts as soon as the limits allow. */
export interface TaskReadyEvent extends TaskLevel {
  readonly type: "task-ready";
}

export interface AttemptStartedEvent extends AttemptLevel {
  readonly type: "attempt-started";
  readonly workerId: string;
  /** What the attempt holds besides its slot, in the units of the run's limits; absent where it declared nothing. */
  readonly resources?: Readonly<Record<string, number>>;
}

export interface AttemptProgressEvent extends AttemptLevel {
  readonly type: "attempt-progress";
  readonly value: unknown;
}

export interface AttemptLogEvent extends AttemptLevel {
  readonly type: "attempt-log";
  readonly stream: "stdout" | "stderr" | "log";
  readonly text: string;
}

/** One attempt is over; the task may go on with another one. */
export interface AttemptEndedEvent extends AttemptLevel {
  readonly type: "attempt-ended";
  readonly outcome: "succeeded" | "failed" | "timed-out" | "cancelled" | "lost";
  readonly workerId: string;
  /** Seconds that the attempt ran. */
  readonly executionTime: number;
  readonly error?: Error;
  readonly reason?: FailureReason;
  /** When the next attempt may start, milliseconds since the epoch; absent where there is none. */
  readonly retryAt?: number;
  /** What the attempt used, for itself alone, where its runner can tell. */
  readonly resourceUsage?: ResourceUsage;
  /** How the attempt was served, where its runner has something to tell. */
  readonly facts?: AttemptFacts;
}

/** The task waits for tasks that it added, and holds neither slot nor resources meanwhile. */
export interface TaskSuspendedEvent extends TaskLevel {
  readonly type: "task-suspended";
}

export interface TaskResumedEvent extends TaskLevel {
  readonly type: "task-resumed";
}

/** An earlier process had begun the run, and this one goes on with it. */
export interface RunResumedEvent extends RunLevel {
  readonly type: "run-resumed";
  /** How many tasks are not run again; a `task-restored` event for each follows where it happens, not in a run that is read again. */
  readonly reused: number;
  /** How many tasks had ended and are run again. */
  readonly rerun: number;
}

/** The task ended in an earlier process and is not run again: its result is that of the journal. */
export interface TaskRestoredEvent extends TaskLevel {
  readonly type: "task-restored";
  readonly status: TaskStatus;
  readonly result: ExecutionResult;
}

/** The task's one end. */
export interface TaskEndedEvent extends TaskLevel {
  readonly type: "task-ended";
  readonly status: TaskStatus;
  /** Only where the task was ready when it ended: it was cancelled, or timed out, while it waited for the limits. */
  readonly wasReady?: true;
  readonly result: ExecutionResult;
}

export interface CancelRequestedEvent extends RunLevel {
  readonly type: "cancel-requested";
  /** `"journal"`: it cannot be written any more. */
  readonly by: "caller" | "fail-fast" | "shutdown" | "journal";
  readonly message: string;
}

export interface RunEndedEvent extends RunLevel {
  readonly type: "run-ended";
  readonly counts: Readonly<Record<TaskStatus, number>>;
  /** Seconds from the start of the run to its end. */
  readonly duration: number;
}

export type RunEvent =
  | RunStartedEvent
  | TasksAddedEvent
  | TaskReadyEvent
  | AttemptStartedEvent
  | AttemptProgressEvent
  | AttemptLogEvent
  | AttemptEndedEvent
  | TaskSuspendedEvent
  | TaskResumedEvent
  | RunResumedEvent
  | TaskRestoredEvent
  | TaskEndedEvent
  | CancelRequestedEvent
  | RunEndedEvent;
