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
  /** How many tasks there are. */
  readonly size: number;
  /** Id of a task. */
  taskId(task: number): string;
  /** Kind of task, as in `TaskOptions.name`. */
  name(task: number): string;
  /** Numbers of the tasks that it depends on. */
  dependencies(task: number): ArrayLike<number>;
}

/** The run begins. The first event of every run. */
export interface RunStartedEvent extends RunLevel {
  readonly type: "run-started";
  /** Name of the graph. */
  readonly graph: string;
  /** How many tasks it has at its start. */
  readonly taskCount: number;
  /** What the tasks are; absent where events come from a place that did not keep it. */
  readonly outline?: GraphOutline;
  /** What attempts may hold at once: `slots`, `cpu` in cores, `memory` in bytes, and custom resources. */
  readonly limits: Readonly<Record<string, number>>;
}

/** A running task has added tasks. */
export interface TasksAddedEvent extends TaskLevel {
  readonly type: "tasks-added";
  /** Ids of the tasks that were added. */
  readonly taskIds: readonly string[];
  /** Kind of each, and the ids of the tasks that it depends on, in the order of `taskIds`. */
  readonly added?: readonly { readonly name: string; readonly dependsOn: readonly string[] }[];
}

/** All that the task waited for has ended (or its retry delay has): it starts as soon as the limits allow. */
export interface TaskReadyEvent extends TaskLevel {
  readonly type: "task-ready";
}

/** An attempt of a task starts: its clock runs, and it holds its slot and resources. */
export interface AttemptStartedEvent extends AttemptLevel {
  readonly type: "attempt-started";
  /** What carries it out: `"inline"`, `"thread-2"`, `"process-1"`. */
  readonly workerId: string;
  /** What the attempt holds besides its slot, in the units of the run's limits; absent where it declared nothing. */
  readonly resources?: Readonly<Record<string, number>>;
}

/** An attempt has told how far it is. */
export interface AttemptProgressEvent extends AttemptLevel {
  readonly type: "attempt-progress";
  /** What it told: a fraction from 0 to 1, or any plain data. */
  readonly value: unknown;
}

/** An attempt has written a line. */
export interface AttemptLogEvent extends AttemptLevel {
  readonly type: "attempt-log";
  /** Where it was written: `"log"` is `context.log`. */
  readonly stream: "stdout" | "stderr" | "log";
  /** The line, without its end. */
  readonly text: string;
}

/** One attempt is over; the task may go on with another one. */
export interface AttemptEndedEvent extends AttemptLevel {
  readonly type: "attempt-ended";
  /** How it ended. `"lost"`: its worker died of another's fault, and it is not charged. */
  readonly outcome: "succeeded" | "failed" | "timed-out" | "cancelled" | "lost";
  /** What carried it out. */
  readonly workerId: string;
  /** Seconds that the attempt ran. */
  readonly executionTime: number;
  /** What went wrong; absent where it succeeded. */
  readonly error?: Error;
  /** The same as data; absent where it succeeded. */
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

/** The task runs on: what it waited for has ended, and it holds its slot and resources again. */
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
  /** How it had ended. */
  readonly status: TaskStatus;
  /** Its result. */
  readonly result: ExecutionResult;
}

/** The task's one end. */
export interface TaskEndedEvent extends TaskLevel {
  readonly type: "task-ended";
  /** How it ended. */
  readonly status: TaskStatus;
  /** Only where the task was ready when it ended: it was cancelled, or timed out, while it waited for the limits. */
  readonly wasReady?: true;
  /** Its result. */
  readonly result: ExecutionResult;
}

/** The run was told to stop: nothing more starts, and what runs is aborted. */
export interface CancelRequestedEvent extends RunLevel {
  readonly type: "cancel-requested";
  /** `"journal"`: it cannot be written any more. */
  readonly by: "caller" | "fail-fast" | "shutdown" | "journal";
  /** Why, in words. */
  readonly message: string;
}

/** Every task has ended. The last event of every run. */
export interface RunEndedEvent extends RunLevel {
  readonly type: "run-ended";
  /** How many tasks ended in which way. */
  readonly counts: Readonly<Record<TaskStatus, number>>;
  /** Seconds from the start of the run to its end. */
  readonly duration: number;
}

/** Anything that happens in a run, told apart by `type`. */
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
