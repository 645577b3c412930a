/**
 * What the tasks of a run gave. Outputs lie in an array by task number; everything else that a result tells is read from
 * the scheduler's columns when somebody looks, so that a million successes cost an array and no objects.
 */
import type { EndReason } from "../core/effect.js";
import type { TaskIndex } from "../core/task-index.js";
import type { EndState, TaskTable } from "../core/task-table.js";
import { isEnd, statusOf, TaskState } from "../core/task-table.js";
import { OrchestratorError } from "../model/error.js";
import { isHandle, type TaskHandle } from "../model/graph.js";
import type {
  AttemptFacts,
  ExecutionResult,
  FailureReason,
  FailureResult,
  ResourceUsage,
  TaskStatus,
} from "../model/result.js";
import { formatDurationMs } from "../model/units.js";
import type { RestoredResult } from "../port/journal.js";

/** How an attempt failed, as its runner told it. */
export interface AttemptError {
  readonly error: Error;
  readonly reason: FailureReason;
}

export class Outcomes {
  readonly outputs: unknown[];
  /** The last failed attempt of each task that had one. */
  readonly errors = new Map<number, AttemptError>();
  readonly #reasons = new Map<number, EndReason>();
  readonly #workers = new Map<number, string>();
  readonly #usage = new Map<number, ResourceUsage>();
  /** Tasks whose error is that of an earlier process. */
  readonly #restored = new Set<number>();
  /** Of attempts that have not been reported as ended. */
  readonly #facts = new Map<number, AttemptFacts>();
  readonly #failures = new Map<number, FailureResult>();
  readonly #table: TaskTable;
  readonly #idOf: (task: number) => string;
  /** Why the journal cannot be written any more. */
  journalError: Error | undefined;
  /** Why the run was cancelled, in the caller's words. */
  cancelMessage = "";

  constructor(table: TaskTable, idOf: (task: number) => string) {
    this.#table = table;
    this.#idOf = idOf;
    this.outputs = new Array(table.count);
  }

  ran(task: number, workerId: string, usage: ResourceUsage | undefined): void {
    this.#workers.set(task, workerId);
    if (usage !== undefined) this.#usage.set(task, usage);
  }

  /** Takes over how a task ended in an earlier process, or how its last attempt failed. */
  restore(task: number, { workerId, usage, output, error, reason }: RestoredResult): void {
    this.outputs[task] = output;
    if (workerId !== undefined && workerId !== "inline") this.#workers.set(task, workerId);
    if (usage !== undefined) this.#usage.set(task, usage);
    if (error === undefined || reason === undefined) return;
    this.errors.set(task, { error, reason });
    this.#restored.add(task);
  }

  noted(task: number, facts: AttemptFacts): void {
    const known = this.#facts.get(task);
    this.#facts.set(task, known === undefined ? facts : { ...known, ...facts });
  }

  /** What was noted of the task's attempt so far. */
  factsOf(task: number): AttemptFacts | undefined {
    return this.#facts.size === 0 ? undefined : this.#facts.get(task);
  }

  /** What was noted of the task's attempt, once. */
  takeFacts(task: number): AttemptFacts | undefined {
    if (this.#facts.size === 0) return undefined;
    const facts = this.#facts.get(task);
    this.#facts.delete(task);
    return facts;
  }

  usageOf(task: number): ResourceUsage | undefined {
    return this.#usage.size === 0 ? undefined : this.#usage.get(task);
  }

  /** Whether more was told of attempts of the task than that they ended. */
  toldOf(task: number): boolean {
    return (this.#workers.size > 0 && this.#workers.has(task)) || (this.#facts.size > 0 && this.#facts.has(task));
  }

  ended(task: number, reason: EndReason | undefined): void {
    this.#restored.delete(task);
    if (reason !== undefined) this.#reasons.set(task, reason);
  }

  forget(task: number): void {
    this.outputs[task] = undefined;
    this.errors.delete(task);
    this.#reasons.delete(task);
    this.#workers.delete(task);
    this.#usage.delete(task);
    this.#facts.delete(task);
    this.#failures.delete(task);
  }

  status(task: number): TaskStatus {
    return statusOf(this.#table.state[task]! as EndState);
  }

  /** How many tasks ended in which way. */
  get counts(): Readonly<Record<TaskStatus, number>> {
    return {
      succeeded: this.#table.ends[0]!,
      failed: this.#table.ends[1]!,
      "timed-out": this.#table.ends[2]!,
      cancelled: this.#table.ends[3]!,
      skipped: this.#table.ends[4]!,
    };
  }

  /** Whether a runner has told that an attempt of the task began. */
  hasBegun(task: number): boolean {
    return this.#workers.has(task);
  }

  workerOf(task: number): string {
    return this.#workers.size === 0 ? "inline" : (this.#workers.get(task) ?? "inline");
  }

  /** The result of a task that has ended. */
  result(task: number): ExecutionResult {
    if (!isEnd(this.#table.state[task]!)) throw new RangeError(`task "${this.#idOf(task)}" has not ended`);
    if (this.#table.state[task] === TaskState.succeeded) return this.#success(task);
    let failure = this.#failures.get(task);
    if (failure === undefined) {
      failure = this.#failure(task);
      this.#failures.set(task, failure);
    }
    return failure;
  }

  // Written out, because spreading would cost more than all else about a result.
  #success(task: number): ExecutionResult {
    const table = this.#table;
    const usage = this.usageOf(task);
    const startedAt = table.startedAt[task]!;
    const firstStartedAt = this.#firstStart(task, startedAt);
    const endedAt = table.endedAt[task]!;
    const result = {
      taskId: this.#idOf(task),
      success: true,
      status: "succeeded",
      output: this.outputs[task],
      attempts: table.attempts[task]!,
      queuedTime: (firstStartedAt - table.readyAt[task]!) / 1000,
      executionTime: (endedAt - startedAt) / 1000,
      startedAt: firstStartedAt,
      endedAt,
      workerId: this.workerOf(task),
    } as const;
    return usage === undefined ? result : { ...result, resourceUsage: usage };
  }

  #failure(task: number): FailureResult {
    const table = this.#table;
    const { error, reason } = this.#failureOf(task);
    const attempts = table.attempts[task]!;
    const endedAt = table.endedAt[task]!;
    const status = this.status(task) as FailureResult["status"];
    const base = { taskId: this.#idOf(task), success: false, status, error, reason, attempts } as const;
    if (attempts === 0) return { ...base, queuedTime: 0, executionTime: 0, endedAt };
    const startedAt = table.startedAt[task]!;
    const firstStartedAt = this.#firstStart(task, startedAt);
    const usage = this.#usage.get(task);
    return {
      ...base,
      queuedTime: (firstStartedAt - table.readyAt[task]!) / 1000,
      executionTime: (endedAt - startedAt) / 1000,
      startedAt: firstStartedAt,
      endedAt,
      workerId: this.workerOf(task),
      ...(usage === undefined ? undefined : { resourceUsage: usage }),
    };
  }

  /** Seconds between the moment the task could run and its first start. */
  queuedTime(task: number): number {
    const { startedAt, readyAt } = this.#table;
    return (this.#firstStart(task, startedAt[task]!) - readyAt[task]!) / 1000;
  }

  #firstStart(task: number, lastStart: number): number {
    const { firstStartedAt } = this.#table;
    return firstStartedAt.size === 0 ? lastStart : (firstStartedAt.get(task) ?? lastStart);
  }

  #failureOf(task: number): AttemptError {
    if (this.#restored.has(task)) return this.errors.get(task)!;
    const reason = this.#reasons.get(task) ?? { kind: "cancelled", by: "shutdown" };
    const id = this.#idOf(task);
    switch (reason.kind) {
      case "attempt":
      case "condition-error":
        return (
          this.errors.get(task) ?? {
            error: new OrchestratorError("INTERNAL", `task "${id}" failed without an error`),
            reason: { kind: "error" },
          }
        );
      case "timeout": {
        const { scope, limitMs } = reason;
        return described("TASK_TIMEOUT", timeoutMessage(id, scope, limitMs), {
          kind: "timeout",
          scope,
          limitSeconds: limitMs / 1000,
        });
      }
      case "cancelled": {
        if (reason.by === "journal") return this.#cancelledForJournal(id);
        const because =
          reason.by === "caller" && this.cancelMessage !== "" ? `: ${this.cancelMessage}` : cancelWords[reason.by];
        return described("TASK_CANCELLED", `task "${id}" was cancelled${because}`, {
          kind: "cancelled",
          by: reason.by,
        });
      }
      case "dependency":
        return this.#skippedFor(id, reason.task, reason.root);
      case "condition": {
        const detail = this.errors.get(task)?.error.message;
        const message = `task "${id}" was skipped by its condition${detail === undefined ? "" : `: ${detail}`}`;
        return described(
          "TASK_SKIPPED",
          message,
          detail === undefined ? { kind: "condition" } : { kind: "condition", detail },
        );
      }
      case "trigger":
        return described(
          "TASK_SKIPPED",
          `task "${id}" was skipped: it is for the case that a task before it fails, and none did`,
          { kind: "trigger" },
        );
    }
  }

  #cancelledForJournal(id: string): AttemptError {
    const cause = this.journalError;
    const message = `task "${id}" was cancelled: ${cause?.message ?? cancelWords.journal}`;
    return described("JOURNAL_UNWRITABLE", message, { kind: "cancelled", by: "journal" }, cause);
  }

  #skippedFor(id: string, dependency: number, root: number): AttemptError {
    const status = this.status(dependency);
    const cause = this.#reasons.has(root) || this.errors.has(root) ? this.#failureOf(root).error : undefined;
    const rootId = this.#idOf(root);
    const through = root === dependency ? "" : `, because "${rootId}" ${verbs[this.status(root)]}`;
    const told = cause === undefined || this.status(root) === "skipped" ? "" : `: ${cause.message}`;
    const message = `task "${id}" was skipped: "${this.#idOf(dependency)}" ${verbs[status]}${through}${told}`;
    const reason: FailureReason = { kind: "dependency", taskId: this.#idOf(dependency), status, rootTaskId: rootId };
    return described("TASK_SKIPPED", message, reason, cause);
  }
}

const verbs: Readonly<Record<TaskStatus, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  "timed-out": "timed out",
  cancelled: "was cancelled",
  skipped: "was skipped",
};

const cancelWords = {
  caller: "",
  "fail-fast": ": another task failed, and the failure policy is fail-fast",
  shutdown: ": the executor was closed",
  parent: ": the task that added it did not succeed",
  journal: "the journal cannot be written",
} as const;

export function timeoutMessage(id: string, scope: "attempt" | "total", limitMs: number): string {
  const what =
    scope === "attempt" ? "an attempt ran into its timeout" : "it ran into its total timeout, retries included,";
  return `task "${id}" timed out: ${what} of ${formatDurationMs(limitMs)}`;
}

/** An error for the reader of a result: its stack would only show the engine. */
function described(
  code: ConstructorParameters<typeof OrchestratorError>[0],
  message: string,
  reason: FailureReason,
  cause?: Error,
): AttemptError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = new OrchestratorError(
    code,
    message,
    cause === undefined ? { failureReason: reason } : { failureReason: reason, cause },
  );
  Error.stackTraceLimit = stackTraceLimit;
  return { error, reason };
}

/** The results of a run, by task id. Also takes handles, and then gives the type of their task's output. */
export class RunResults implements ReadonlyMap<string, ExecutionResult> {
  readonly #numbers: TaskIndex;
  readonly #outcomes: Outcomes;

  /** @internal */
  constructor(numbers: TaskIndex, outcomes: Outcomes) {
    this.#numbers = numbers;
    this.#outcomes = outcomes;
  }

  /** How many tasks the run had. */
  get size(): number {
    return this.#numbers.size;
  }

  /** Whether the run had this task. */
  has(task: string | TaskHandle): boolean {
    return this.#numbers.has(isHandle(task) ? task.id : task);
  }

  /** The result of a task of the graph; a handle whose task is not in it throws `RangeError`. */
  get<Output>(task: TaskHandle<Output>): ExecutionResult<Output>;
  get(task: string): ExecutionResult | undefined;
  get(task: string | TaskHandle): ExecutionResult | undefined {
    const number = this.#numbers.get(isHandle(task) ? task.id : task);
    if (number !== undefined) return this.#outcomes.result(number);
    if (isHandle(task)) throw new RangeError(`task "${task.id}" is not in this run`);
    return undefined;
  }

  /** Calls back with each result and the id of its task, in the order of the graph. */
  forEach(
    callback: (result: ExecutionResult, taskId: string, results: ReadonlyMap<string, ExecutionResult>) => void,
    thisArgument?: unknown,
  ): void {
    for (const [id, result] of this) callback.call(thisArgument, result, id, this);
  }

  /** The ids of the tasks, in the order of the graph. */
  keys(): MapIterator<string> {
    return this.#numbers.keys();
  }

  /** The results, in the order of the graph. */
  *values(): MapIterator<ExecutionResult> {
    for (let number = 0; number < this.size; number++) yield this.#outcomes.result(number);
  }

  /** Ids and results, in the order of the graph; so does iterating. */
  *entries(): MapIterator<[string, ExecutionResult]> {
    for (const [id, number] of this.#numbers) yield [id, this.#outcomes.result(number)];
  }

  [Symbol.iterator](): MapIterator<[string, ExecutionResult]> {
    return this.entries();
  }
}
