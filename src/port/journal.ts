/**
 * The port to the journal of a run: what it did, kept such that a later process can go on with it.
 *
 *     open -> (records)* -> commit() -> (records)* -> commit() -> ... -> close()
 *
 * A run hands over each end of an attempt before it tells the scheduler, and tells the scheduler when `commit` says that it is
 * written: so no task starts on the ground of something that could be forgotten. Everything else may be written later,
 * with the next commit.
 */
import type { TaskPast } from "../core/past.js";
import type { Adjacency } from "../core/plan.js";
import type { ErrorData } from "../model/error.js";
import type { AttemptFacts, FailureReason, ResourceUsage, TaskStatus } from "../model/result.js";
import type { Task } from "../model/task.js";

/** What must not lose what was done: the death of this process, or also of the machine. */
export type Durability = "process-crash" | "power-loss";

export interface JournalSettings {
  /** Folder of the journal. Each run has a folder of its own in it. */
  readonly folder: string;
  readonly durability: Durability;
  /** Goes on with the run of this id: `"all"` runs again what failed too, `"unfinished"` only what had not ended. */
  readonly resume: "all" | "unfinished" | undefined;
  /** Outputs of more bytes than this go to files of their own. */
  readonly maxInlineOutput: number;
  /** Bytes of log kept for each attempt. */
  readonly maxLog: number;
  /** Kept with the run, for whoever lists or resumes it. */
  readonly about: unknown;
}

/** What a journal is opened for. */
export interface JournalRequest extends JournalSettings {
  readonly runId: string;
  readonly graphName: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly tasks: readonly Task[];
  readonly dependencies: Adjacency;
  readonly dependents: Adjacency;
  readonly at: number;
}

/** A task of the plan that an earlier process ended or began. */
export interface RestoredTask {
  readonly task: number;
  readonly past: TaskPast;
  readonly told: RestoredResult;
}

/** What the result of a restored task tells, besides what the scheduler knows. */
export interface RestoredResult {
  readonly workerId?: string;
  readonly usage?: ResourceUsage;
  readonly output?: unknown;
  readonly error?: Error;
  readonly reason?: FailureReason;
}

/** A task that an ended task had added, after those of the plan; and which task added it. */
export interface RestoredAddition extends RestoredTask {
  readonly id: string;
  readonly name: string;
  readonly parent: number;
}

/** Why a task that an earlier process ended runs again. */
export type RerunCause =
  /** It failed, timed out or was cancelled. */
  | "not-succeeded"
  /** It is another task now. */
  | "changed"
  /** A task that it depends on runs again. */
  | "upstream"
  /** Tasks that it added had not all ended. */
  | "unfinished-additions";

/** What a resumed run took over, and what it runs again. */
export interface ResumeReport {
  /** Id of the run. */
  readonly runId: string;
  /** The folder of the run. */
  readonly folder: string;
  /** How often the run has been resumed, this time included. */
  readonly resumes: number;
  /** Tasks that are not run again, in the order of the graph: their results are those of the journal. */
  readonly reused: readonly string[];
  /** Tasks that had ended and run again, and why. */
  readonly rerun: readonly { readonly taskId: string; readonly cause: RerunCause; readonly detail: string }[];
  /** Tasks whose attempt had begun and not ended when the earlier process did: they go on with a new attempt. */
  readonly interrupted: readonly string[];
  /** How many tasks had not ended. */
  readonly unfinished: number;
  /** Tasks of the journal that the graph does not have any more. */
  readonly dropped: readonly string[];
}

interface AttemptEnd {
  readonly task: number;
  readonly attempt: number;
  readonly at: number;
  readonly startedAt: number;
  readonly readyAt: number;
  readonly workerId: string;
  readonly usage: ResourceUsage | undefined;
  readonly facts: AttemptFacts | undefined;
}

export interface AttemptSuccess extends AttemptEnd {
  readonly output: unknown;
}

export interface AttemptFailureToRecord extends AttemptEnd {
  readonly outcome: "failed" | "timed-out" | "cancelled" | "lost";
  readonly error: Error;
  readonly reason: FailureReason;
  readonly retryable: boolean;
  readonly random: number;
}

/** An open journal of one run. Methods that record throw nothing, but where it is said. */
export interface RunJournal {
  /** The folder of the run. */
  readonly folder: string;
  /** `undefined` for a run that is new. */
  readonly resumed: ResumeReport | undefined;
  /** Tasks of the plan that an earlier process ended or began. To be asked once. @throws OrchestratorError `JOURNAL_DAMAGED` */
  takeRestored(): Iterable<RestoredTask>;
  readonly additions: readonly RestoredAddition[];

  attemptStarted(start: {
    readonly task: number;
    readonly attempt: number;
    readonly at: number;
    readonly readyAt: number;
    readonly workerId: string;
  }): void;
  /** @throws OrchestratorError `NOT_SERIALISABLE`, with nothing recorded, where the output would not come back as it is. */
  attemptSucceeded(end: AttemptSuccess): void;
  attemptFailed(end: AttemptFailureToRecord): void;
  retryScheduled(task: number, attempt: number, retryAt: number): void;
  conditionDecided(task: number, at: number, verdict: "run" | "skip" | "error", error: ErrorData | undefined): void;
  taskEnded(
    task: number,
    at: number,
    end: { readonly status: Exclude<TaskStatus, "succeeded">; readonly error: Error; readonly reason: FailureReason },
  ): void;
  /** Tasks get the next numbers. Gives what was done of each of them before, in an earlier attempt of the parent. */
  tasksAdded(
    parent: number,
    attempt: number,
    at: number,
    tasks: readonly Task[],
  ): readonly (Omit<RestoredTask, "task"> | undefined)[];
  attemptLogged(task: number, attempt: number, at: number, stream: "stdout" | "stderr" | "log", text: string): void;
  taskWaits(task: number, at: number, waits: boolean): void;
  cancelRequested(at: number, by: "caller" | "shutdown", message: string): void;
  runEnded(at: number, counts: Readonly<Record<TaskStatus, number>>, duration: number): void;

  /**
   * Writes all that was recorded. `undefined`: it is written; a promise: it will be when that resolves.
   * @throws OrchestratorError `JOURNAL_UNWRITABLE`, as the promise does.
   */
  commit(): Promise<void> | undefined;
  /** Lets go of the journal. Idempotent. */
  close(): void;
}
