/** The port to whoever watches runs: monitor, journal, progress, traces. */
import type { AttemptEndedEvent, RunEvent } from "../model/event.js";
import type { AttemptFacts, ResourceUsage, TaskStatus } from "../model/result.js";

/** Whoever is told of what happens in runs: a monitor, a trace, a progress bar, something of your own. */
export interface Observer {
  /** Told of every event of every run, in order. Must be quick; what it throws is reported as a warning and the run goes on. */
  observe(event: RunEvent): void;
  /**
   * For an observer that only counts: called once for each run, when it starts or the observer is added to it. The tally
   * that it gives is told what happens in place of `observe`, and no event is made for it: a million small tasks cost a
   * few calls each, and no objects.
   */
  tally?(run: TalliedRun): RunTally;
  /**
   * For an observer that traces: called before each attempt is handed to what carries it out, and gives what the attempt
   * is to carry with it.
   */
  trace?(attempt: TracedAttempt): AttemptTrace | undefined;
}

/** The attempt that a trace is asked for. */
export interface TracedAttempt {
  /** Id of the run. */
  readonly runId: string;
  /** Id of the task. */
  readonly taskId: string;
  /** Kind of task. */
  readonly name: string;
  /** 1 for the first. */
  readonly attempt: number;
}

/** What an attempt carries of the trace that it belongs to. */
export interface AttemptTrace {
  /** W3C Trace Context (`traceparent`, `tracestate`), for attempts that run elsewhere. */
  readonly headers: Readonly<Record<string, string>>;
  /** Calls a function of this process inside of the trace. */
  within<Result>(run: () => Result): Result;
}

/** What a tally may ask its run at any time. */
export interface TalliedRun {
  /** Id of the run. */
  readonly id: string;
  /** Name of the graph. */
  readonly graph: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** What attempts may hold at once: `slots`, `cpu` in cores, `memory` in bytes, and custom resources. */
  readonly limits: Readonly<Record<string, number>>;
  /** Tasks of the run so far; of a stream, those that are in it. */
  readonly taskCount: number;
  /** Tasks that could start and wait for the limits. */
  readonly ready: number;
  /** Hands over the functions whose starts and ends have been kept back to be told together. */
  flush(): void;
  /** Has functions told one by one (`true`), for whoever has to know their order among several runs, or together again. */
  tellAtOnce(atOnce: boolean): void;
  /** Name of a kind of task; 0 is `"(other)"`, every kind beyond the first thousand of the run. */
  kindName(kind: number): string;
  /** Milliseconds since the epoch, by the run's clock. May be kept after the run: it holds nothing of it. */
  readonly now: () => number;
}

/** Amounts by resource, without the slot that every attempt takes; `undefined` where nothing was declared. The same object for the same demand. */
export type HeldAmounts = Readonly<Record<string, number>> | undefined;

/** What is rarely true of an attempt's end. */
export interface AttemptEndDetails {
  /** Whether another attempt follows. */
  readonly retried: boolean;
  /** How the attempt was served. */
  readonly facts: AttemptFacts | undefined;
  /** What the attempt used. */
  readonly usage: ResourceUsage | undefined;
}

/**
 * Functions that have started, and functions that have succeeded, since the batch before: for each of these the number of
 * its task, and the scheduler's columns to read the rest from. Valid during the call.
 */
export interface FunctionBatch {
  /** How many have succeeded. */
  readonly count: number;
  /** Numbers of the tasks that have succeeded, in the order in which they did; more than `count` of the array, which is as long as the longest batch of the run, is of no meaning. */
  readonly succeeded: Int32Array;
  /** How many have started. */
  readonly started: number;
  /** Sum of the times at which these started, milliseconds since `since`. */
  readonly startedSum: number;
  /** Milliseconds since the epoch; the same for a whole run. Sums of times since then are exact to microseconds. */
  readonly since: number;
  /** How many more ran at once, at most, than before the batch. */
  readonly mostMore: number;
  /** By number of task: when it could start, milliseconds since the epoch. */
  readonly readyAt: readonly number[];
  /** By number of task: when its last attempt started, milliseconds since the epoch. */
  readonly startedAt: readonly number[];
  /** By number of task: when its last attempt ended, milliseconds since the epoch. */
  readonly endedAt: readonly number[];
  /** Kind of a task, by its number. */
  kindOf(task: number): number;
}

/** Told what happens in a run, in order. Kinds of task are numbers from 0, small ones first. Times (`at`) are milliseconds since the epoch; other times are seconds. */
export interface RunTally {
  /** An attempt holds a slot and its resources from now on: it has started, or runs on after a wait. */
  took(held: HeldAmounts, workerId: string, at: number): void;
  /** An attempt has given back what it held: it has ended, or waits for tasks that it added. */
  gave(held: HeldAmounts, workerId: string, at: number): void;
  /** `details` is `undefined` for an attempt of which there is nothing more to tell. */
  attemptEnded(
    kind: number,
    outcome: AttemptEndedEvent["outcome"],
    executionTime: number,
    at: number,
    details: AttemptEndDetails | undefined,
  ): void;
  /** `queuedTime` is -1 for a task that never ran. */
  taskEnded(kind: number, status: TaskStatus, queuedTime: number, at: number): void;
  /** Starts and successes of functions that declared nothing, which is what happens most: short for the four above. */
  functions(batch: FunctionBatch): void;
  /** The run is over; nothing more is told. */
  runEnded(at: number): void;
}
