/** Makes the public events of a run out of what its parts tell. Callers ask `observed` first: nothing is made for nobody. */
import { describeAmounts, type NamedLimits } from "../core/limits.js";
import type { Scheduler } from "../core/scheduler.js";
import type { AttemptEndedEvent, GraphOutline } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { Outcomes } from "./outcomes.js";
import type { RunEvents } from "./run-events.js";

type EndOfAttempt = Pick<AttemptEndedEvent, "attempt" | "outcome" | "executionTime" | "error" | "reason" | "retryAt">;

export interface ReporterParts {
  readonly events: RunEvents;
  readonly tasks: readonly Task[];
  readonly scheduler: Scheduler;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
  readonly limits: NamedLimits;
}

export class RunReporter {
  readonly #events: RunEvents;
  readonly #tasks: readonly Task[];
  readonly #scheduler: Scheduler;
  readonly #limits: NamedLimits;
  readonly #outcomes: Outcomes;
  readonly #clock: Clock;

  constructor(parts: ReporterParts) {
    this.#events = parts.events;
    this.#tasks = parts.tasks;
    this.#scheduler = parts.scheduler;
    this.#outcomes = parts.outcomes;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
  }

  get observed(): boolean {
    return this.#events.observed;
  }

  /** The kind of a task, for statistics. */
  nameOf(task: number): string {
    return kindOf(this.#tasks[task]!);
  }

  runStarted(at: number, graph: string): void {
    const all = this.#limits.names.map((_, resource) => resource);
    const limits = { slots: this.#limits.slots, ...describeAmounts(this.#limits, all, this.#limits.capacities) };
    this.#events.emit({
      type: "run-started",
      at,
      graph,
      taskCount: this.#tasks.length,
      outline: this.#outline(),
      limits,
    });
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

  tasksAdded(parent: number, tasks: readonly Task[]): void {
    const taskIds = tasks.map((task) => task.id);
    const added = tasks.map((task) => ({ name: kindOf(task), dependsOn: dependenciesOf(task) }));
    this.#events.emit({ type: "tasks-added", at: this.#clock.now(), ...this.#named(parent), taskIds, added });
  }

  taskSuspended(task: number): void {
    this.#events.emit({ type: "task-suspended", at: this.#clock.now(), ...this.#named(task) });
  }

  taskResumed(task: number): void {
    this.#events.emit({ type: "task-resumed", at: this.#clock.now(), ...this.#named(task) });
  }

  attemptStarted(task: number, attempt: number, workerId: string): void {
    const { resources, amounts } = this.#scheduler.admission.demandOf(task);
    const held = resources.length === 0 ? {} : { resources: describeAmounts(this.#limits, resources, amounts) };
    this.#events.emit({
      type: "attempt-started",
      at: this.#clock.now(),
      ...this.#named(task),
      attempt,
      workerId,
      ...held,
    });
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
    const executionTime = Math.max(0, at - this.#scheduler.table.startedAt[task]!) / 1000;
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
    const facts = this.#outcomes.takeFacts(task);
    const usage = this.#outcomes.usageOf(task);
    this.#events.emit({
      type: "attempt-ended",
      at,
      ...this.#named(task),
      workerId: this.#outcomes.workerOf(task),
      ...end,
      ...(facts === undefined ? undefined : { facts }),
      ...(usage === undefined ? undefined : { resourceUsage: usage }),
    });
  }

  #outline(): GraphOutline {
    const { table } = this.#scheduler;
    const size = this.#tasks.length;
    return {
      size,
      taskId: (task) => this.#tasks[task]!.id,
      name: (task) => this.nameOf(task),
      dependencies: (task) => table.dependenciesOf(task),
    };
  }

  #named(task: number): { taskId: string; name: string } {
    return { taskId: this.#tasks[task]!.id, name: this.nameOf(task) };
  }
}

function kindOf({ id, name }: Task): string {
  return name ?? /^[^[#:]+/.exec(id)?.[0] ?? id;
}

function dependenciesOf({ dependsOn = [], inputs = {} }: Task): string[] {
  return [...new Set([...dependsOn, ...Object.values(inputs)])];
}
