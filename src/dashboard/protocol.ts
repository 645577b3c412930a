/**
 * What the dashboard's server and its page say to each other. Loaded by both, so it knows neither Node nor a browser.
 *
 * A task is a number, its place in the columns. What tasks are (ids, kinds, dependencies) is fetched once by plain
 * requests, and again from where it left off when there are more. What happens to them comes as deltas: each tells, in
 * columns, the newest state of every task that has changed since the one before, so that a page that is slow gets fewer
 * and larger deltas and never falls behind. Times are whole milliseconds since the run started; -1 is "not yet".
 */

/** By code: a task's state is an index into this list. */
export const taskStates = [
  "waiting",
  "ready",
  "running",
  "suspended",
  "retrying",
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  "skipped",
] as const;

export type TaskStateName = (typeof taskStates)[number];

export const stateCode = Object.fromEntries(taskStates.map((name, code) => [name, code])) as Readonly<
  Record<TaskStateName, number>
>;

/** One sign for each state, on the page and on the terminal: never colour alone. */
export const stateMarks: Readonly<Record<TaskStateName, string>> = {
  waiting: "\u00b7",
  ready: "\u25cb",
  running: "\u25b6",
  suspended: "\u2016",
  retrying: "\u21bb",
  succeeded: "\u2713",
  failed: "\u2717",
  "timed-out": "\u29d6",
  cancelled: "\u25a0",
  skipped: "\u2013",
};

export const stateWords: Readonly<Record<TaskStateName, string>> = {
  waiting: "waiting",
  ready: "ready",
  running: "running",
  suspended: "suspended",
  retrying: "retrying",
  succeeded: "succeeded",
  failed: "failed",
  "timed-out": "timed out",
  cancelled: "cancelled",
  skipped: "skipped",
};

/** States in the order in which a watcher wants them: trouble first, then what moves. */
export const statesByUrgency: readonly TaskStateName[] = [
  "failed",
  "timed-out",
  "cancelled",
  "retrying",
  "running",
  "suspended",
  "ready",
  "waiting",
  "skipped",
  "succeeded",
];

/** Place in `statesByUrgency`, by code. */
export const urgency: readonly number[] = taskStates.map((name) => statesByUrgency.indexOf(name));

export function isEndCode(code: number): boolean {
  return code >= stateCode.succeeded;
}

export type RunState = "waiting" | "running" | "cancelling" | "succeeded" | "failed" | "cancelled";

export interface RunSummary {
  readonly id: string;
  readonly graph: string;
  readonly state: RunState;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly size: number;
  /** Tasks by state, in the order of `taskStates`. */
  readonly counts: readonly number[];
  /** Whether it can be cancelled from here: it is no replay, and has not ended. */
  readonly canCancel: boolean;
  /** Whether what did not succeed can be run again from here. */
  readonly canRetry: boolean;
  readonly limits: Readonly<Record<string, number>>;
  /** Tasks that had ended in an earlier process, where this one goes on with its run. */
  readonly reused?: number;
}

/** What the tasks from number `from` on are. */
export interface TaskColumns {
  readonly from: number;
  readonly ids: readonly string[];
  /** Indexes into `kindNames`. */
  readonly kinds: readonly number[];
  readonly kindNames: readonly string[];
  /** How many dependencies each has, and their numbers one after the other. */
  readonly dependencyCounts: readonly number[];
  readonly dependencies: readonly number[];
  /** The task that added it, or -1. */
  readonly parents: readonly number[];
}

export interface StateColumns {
  readonly task: readonly number[];
  readonly state: readonly number[];
  readonly attempts: readonly number[];
  readonly readyAt: readonly number[];
  /** Start and end of the last attempt. */
  readonly startedAt: readonly number[];
  readonly endedAt: readonly number[];
  /** Indexes into the worker names; -1 for none. */
  readonly worker: readonly number[];
  /** Indexes into the notes; -1 for none. */
  readonly note: readonly number[];
}

/** Attempts that were followed by another. */
export interface PastAttemptColumns {
  readonly task: readonly number[];
  readonly worker: readonly number[];
  readonly startedAt: readonly number[];
  readonly endedAt: readonly number[];
}

/** Use over time, in buckets of one width. Averages weighted by time. */
export interface SeriesColumns {
  readonly widthMs: number;
  /** Buckets before this one are as the page has them. */
  readonly from: number;
  readonly channels: Readonly<Record<string, readonly number[]>>;
}

/** Texts of a table that only grows, from index `from` on. */
export interface Texts {
  readonly from: number;
  readonly texts: readonly string[];
}

/** What holds a run back, in one sentence, and the tasks that it is about. */
export interface Holding {
  readonly kind: "nothing" | "slots" | "resource" | "dependencies" | "retry" | "stopping" | "ended";
  readonly sentence: string;
  readonly tasks: readonly number[];
}

/** What stands above the sentence. */
export const holdingTitles: Readonly<Record<Holding["kind"], string>> = {
  nothing: "Nothing holds it back",
  slots: "Held back by slots",
  resource: "Held back by a resource",
  dependencies: "Held back by one task",
  retry: "Waiting for a retry",
  stopping: "Stopping",
  ended: "Ended",
};

/** Failures with the same words. */
export interface FailureGroup {
  readonly message: string;
  readonly count: number;
  /** Some of the tasks. */
  readonly tasks: readonly number[];
}

/** What a watcher wants to know in two seconds. */
export interface Glance {
  readonly holding: Holding;
  /** Longest-running first; those that run far longer than others of their kind before all. */
  readonly running: readonly { readonly task: number; readonly told?: string; readonly slow?: string }[];
  readonly failures: readonly FailureGroup[];
  /** Seconds until the end, roughly; absent where nothing is known. */
  readonly remaining?: number;
}

export interface Delta {
  /** Sequence of the last event of the run that this delta includes. */
  readonly sequence: number;
  /** Whether more parts of the same state follow. */
  readonly partial?: boolean;
  /** The server's clock when it was made, milliseconds since the epoch. */
  readonly at: number;
  readonly run: RunSummary;
  readonly tasks?: StateColumns;
  readonly workers?: Texts;
  readonly notes?: Texts;
  readonly past?: PastAttemptColumns & { readonly from: number };
  readonly series?: SeriesColumns;
  readonly glance?: Glance;
}

/** The runs that can be looked at, newest first. */
export interface RunList {
  readonly runs: readonly RunSummary[];
}

export interface AttemptDetail {
  readonly attempt: number;
  readonly workerId: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly outcome?: string;
  readonly executionTime?: number;
  readonly retryAt?: number;
  readonly error?: ErrorDetail;
  /** Labelled facts: CPU, memory, exit code, cache, sandbox. */
  readonly facts?: readonly (readonly [string, string])[];
}

export interface ErrorDetail {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorDetail;
}

export interface LogLine {
  readonly at: number;
  readonly stream: "stdout" | "stderr" | "log";
  readonly text: string;
}

export interface TaskDetail {
  readonly task: number;
  /** As the page is given it: cut where it is very long. */
  readonly id: string;
  readonly name: string;
  readonly state: TaskStateName;
  readonly told?: string;
  readonly attempts: readonly AttemptDetail[];
  readonly log: readonly LogLine[];
  /** Lines that were dropped because too much was written. */
  readonly droppedLines: number;
  readonly output?: string;
  readonly error?: ErrorDetail;
  /** Why it did not succeed, as data. */
  readonly reason?: string;
  readonly dependencies: readonly number[];
  readonly dependents: readonly number[];
  /** How many there are, where not all are listed. */
  readonly dependentCount: number;
  /** The task in which the trouble began, where this one was skipped for another. */
  readonly root?: number;
  /** Whether details were dropped to bound memory. */
  readonly forgotten: boolean;
}
