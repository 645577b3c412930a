/** Makes the public events of a run out of what its parts tell. Callers ask `observed` first: nothing is made for nobody. */
import type { TaskTable } from "../core/task-table.js";
import type { AttemptEndedEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { Outcomes } from "./outcomes.js";
import type { RunEvents } from "./run-events.js";

type EndOfAttempt = Pick<AttemptEndedEvent, "attempt" | "outcome" | "executionTime" | "error" | "reason" | "retryAt">;

export class RunReporter {
  readonly #events: RunEvents;
  readonly #tasks: readonly Task[];
  readonly #table: TaskTable;
  readonly #outcomes: Outcomes;
  readonly #clock: Clock;

  constructor(events: RunEvents, tasks: readonly Task[], table: TaskTable, outcomes: Outcomes, clock: Clock) {
    this.#events = events;
    this.#tasks = tasks;
    this.#table = table;
    this.#outcomes = outcomes;
    this.#clock = clock;
  }

  get observed(): boolean {
    return this.#events.observed;
  }

  /** The kind of a task, for statistics. */
  nameOf(task: number): string {
    const { id, name } = this.#tasks[task]!;
    return name ?? /^[^[#:]+/.exec(id)?.[0] ?? id;
  }

  runStarted(at: number, graph: string): void {
    this.#events.emit({ type: "run-started", at, graph, taskCount: this.#tasks.length });
  }

  cancelRequested(at: number, by: "caller" | "shutdown" | "fail-fast", message: string): void {
    this.#events.emit({ type: "cancel-requested", at, by, message });
  }

  runEnded(at: number, startedAt: number, counts: Record<TaskStatus, number>): void {
    this.#events.emit({ type: "run-ended", at, counts, duration: (at - startedAt) / 1000 });
  }

  taskReady(task: number, at: number): void {
    this.#events.emit({ type: "task-ready", at, ...this.#named(task) });
  }

  tasksAdded(parent: number, taskIds: readonly string[]): void {
    this.#events.emit({ type: "tasks-added", at: this.#clock.now(), ...this.#named(parent), taskIds });
  }

  taskSuspended(task: number): void {
    this.#events.emit({ type: "task-suspended", at: this.#clock.now(), ...this.#named(task) });
  }

  taskResumed(task: number): void {
    this.#events.emit({ type: "task-resumed", at: this.#clock.now(), ...this.#named(task) });
  }

  attemptStarted(task: number, attempt: number, workerId: string): void {
    this.#events.emit({ type: "attempt-started", at: this.#clock.now(), ...this.#named(task), attempt, workerId });
  }

  progressed(task: number, attempt: number, value: unknown): void {
    this.#events.emit({ type: "attempt-progress", at: this.#clock.now(), ...this.#named(task), attempt, value });
  }

  logged(task: number, attempt: number, stream: "stdout" | "stderr" | "log", text: string): void {
    this.#events.emit({ type: "attempt-log", at: this.#clock.now(), ...this.#named(task), attempt, stream, text });
  }

  retryScheduled(task: number, attempt: number, retryAt: number): void {
    const at = this.#clock.now();
    const failure = this.#outcomes.errors.get(task);
    const kind = failure?.reason.kind;
    const outcome = kind === "timeout" ? "timed-out" : kind === "worker-lost" ? "lost" : "failed";
    const executionTime = Math.max(0, at - this.#table.startedAt[task]!) / 1000;
    const told = failure === undefined ? {} : { error: failure.error, reason: failure.reason };
    this.#attemptEnded(task, at, { attempt, outcome, executionTime, retryAt, ...told });
  }

  taskEnded(task: number, status: TaskStatus, at: number): void {
    const result = this.#outcomes.result(task);
    if (result.attempts > 0 && status !== "skipped") {
      const told = result.success ? {} : { error: result.error, reason: result.reason };
      this.#attemptEnded(task, at, {
        attempt: result.attempts,
        outcome: status,
        executionTime: result.executionTime,
        ...told,
      });
    }
    this.#events.emit({ type: "task-ended", at, ...this.#named(task), status, result });
  }

  #attemptEnded(task: number, at: number, end: EndOfAttempt): void {
    this.#events.emit({
      type: "attempt-ended",
      at,
      ...this.#named(task),
      workerId: this.#outcomes.workerOf(task),
      ...end,
    });
  }

  #named(task: number): { taskId: string; name: string } {
    return { taskId: this.#tasks[task]!.id, name: this.nameOf(task) };
  }
}
