/**
 * Tells whoever watches a run what its parts report: events for those who want each, calls for those who count. Callers
 * ask `observed` first: nothing is made for nobody.
 */
import { describeAmounts, type NamedLimits } from "../core/limits.js";
import type { Scheduler } from "../core/scheduler.js";
import { kindOfId, type TaskKinds } from "../core/task-kinds.js";
import type { AttemptEndedEvent, GraphOutline } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { ResumeReport } from "../port/journal.js";
import type { AttemptTrace, Observer, TalliedRun } from "../port/observer.js";
import type { Outcomes } from "./outcomes.js";
import { channelObserver, RunEvents } from "./run-events.js";
import { RunTallies } from "./run-tallies.js";

type EndOfAttempt = Pick<AttemptEndedEvent, "attempt" | "outcome" | "executionTime" | "error" | "reason" | "retryAt">;

export interface ReporterParts {
  readonly runId: string;
  readonly graphName: string;
  readonly tasks: readonly Task[];
  /** Where they have been read. */
  readonly kinds: TaskKinds | undefined;
  readonly scheduler: Scheduler;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
  readonly limits: NamedLimits;
}

export class RunReporter {
  /** Whether anybody is told anything. */
  observed = false;
  /** Whether attempts are traced. */
  traces = false;
  readonly #parts: ReporterParts;
  readonly #events: RunEvents;
  readonly #tallies: RunTallies;
  /** Observers that the run has not started with yet. */
  readonly #waiting: Observer[];
  /** Tasks whose last attempt has ended and was told, and that have not been started again. */
  readonly #between = new Set<number>();
  #started = false;
  #startedAt = 0;

  constructor(parts: ReporterParts, observers: readonly Observer[]) {
    this.#parts = parts;
    this.#waiting = [...observers];
    this.#events = new RunEvents(parts.runId);
    this.#tallies = new RunTallies({
      ...parts,

      threw: (thrown) => this.#events.warn("its tally", thrown),
    });
  }

  /** Adds an observer: it is told of all that happens from now on, or from the start of the run where that is still to come. */
  add(observer: Observer): void {
    if (!this.#started) this.#waiting.push(observer);
    else this.#admit(observer);
  }

  remove(observer: Observer): void {
    const place = this.#waiting.indexOf(observer);
    if (place >= 0) this.#waiting.splice(place, 1);
    this.#events.remove(observer);
    this.#lookWhoWatches();
  }

  /** The kind of a task, for statistics. */
  nameOf(task: number): string {
    return kindOf(this.#parts.tasks[task]!);
  }

  runStarted(at: number): void {
    this.#started = true;
    this.#startedAt = at;
    const channels = channelObserver();
    if (channels !== undefined) this.#waiting.push(channels);
    for (const observer of this.#waiting.splice(0)) this.#admit(observer);
    const { graphName: graph, tasks } = this.#parts;
    if (this.#events.observed)
      this.#events.emit({
        type: "run-started",
        at,
        graph,
        taskCount: tasks.length,
        outline: this.#outline(),
        limits: this.limits(),
      });
  }

  runResumed({ reused, rerun }: ResumeReport): void {
    if (!this.#events.observed) return;
    const at = this.#parts.clock.now();
    this.#events.emit({ type: "run-resumed", at, reused: reused.length, rerun: rerun.length });
  }

  /** A task that ended in an earlier process. */
  taskRestored(task: number): void {
    if (!this.#events.observed) return;
    const result = this.#parts.outcomes.result(task);
    const at = this.#parts.clock.now();
    this.#events.emit({ type: "task-restored", at, ...this.#named(task), status: result.status, result });
  }

  cancelRequested(at: number, by: "caller" | "shutdown" | "fail-fast" | "journal", message: string): void {
    if (this.#events.observed) this.#events.emit({ type: "cancel-requested", at, by, message });
  }

  runEnded(at: number): void {
    this.#tallies.runEnded(at);
    if (!this.#events.observed) return;
    const { counts } = this.#parts.outcomes;
    this.#events.emit({ type: "run-ended", at, counts, duration: (at - this.#startedAt) / 1000 });
  }

  /** The run was stopped by a fault and ends without a word of its tasks. */
  crashed(): void {
    if (this.#started) this.#tallies.runEnded(this.#parts.clock.now());
  }

  taskReady(task: number, at: number): void {
    this.#events.emit({ type: "task-ready", at, ...this.#named(task) });
  }

  tasksAdded(parent: number, tasks: readonly Task[]): void {
    if (!this.#events.observed) return;
    const taskIds = tasks.map((task) => task.id);
    const added = tasks.map((task) => ({ name: kindOf(task), dependsOn: dependenciesOf(task) }));
    this.#events.emit({ type: "tasks-added", at: this.#parts.clock.now(), ...this.#named(parent), taskIds, added });
  }

  taskSuspended(task: number): void {
    const at = this.#parts.clock.now();
    if (this.#tallies.any) this.#tallies.suspended(task, at);
    if (this.#events.observed) this.#events.emit({ type: "task-suspended", at, ...this.#named(task) });
  }

  taskResumed(task: number): void {
    const at = this.#parts.clock.now();
    if (this.#tallies.any) this.#tallies.resumed(task, at);
    if (this.#events.observed) this.#events.emit({ type: "task-resumed", at, ...this.#named(task) });
  }

  /** The scheduler starts an attempt; its code begins with `attemptStarted`. */
  attemptHanded(task: number): void {
    if (this.#between.size > 0) this.#between.delete(task);
  }

  /** What the attempt is to carry, where somebody traces it. */
  traceOf(task: number, attempt: number): AttemptTrace | undefined {
    const { runId, tasks } = this.#parts;
    return this.#events.trace({ runId, taskId: tasks[task]!.id, name: this.nameOf(task), attempt });
  }

  inlineStarted(task: number, attempt: number): void {
    if (this.#tallies.any) this.#tallies.functionStarted(task);
    if (this.#events.observed) this.#attemptStarted(task, attempt, "inline");
  }

  describedStarted(task: number, attempt: number, workerId: string): void {
    if (this.#tallies.any) this.#tallies.attemptStarted(task, workerId, this.#parts.clock.now());
    if (this.#events.observed) this.#attemptStarted(task, attempt, workerId);
  }

  progressed(task: number, attempt: number, value: unknown): void {
    if (this.#events.observed)
      this.#events.emit({
        type: "attempt-progress",
        at: this.#parts.clock.now(),
        ...this.#named(task),
        attempt,
        value,
      });
  }

  logged(task: number, attempt: number, stream: "stdout" | "stderr" | "log", text: string): void {
    if (this.#events.observed)
      this.#events.emit({
        type: "attempt-log",
        at: this.#parts.clock.now(),
        ...this.#named(task),
        attempt,
        stream,
        text,
      });
  }

  retryScheduled(task: number, attempt: number, retryAt: number): void {
    const at = this.#parts.clock.now();
    const failure = this.#parts.outcomes.errors.get(task);
    const kind = failure?.reason.kind;
    const outcome = kind === "timeout" ? "timed-out" : kind === "worker-lost" ? "lost" : "failed";
    const executionTime = Math.max(0, at - this.#parts.scheduler.table.startedAt[task]!) / 1000;
    const told = failure === undefined ? {} : { error: failure.error, reason: failure.reason };
    this.#between.add(task);
    this.#attemptEnded(task, at, { attempt, outcome, executionTime, retryAt, ...told });
  }

  taskEnded(task: number, status: TaskStatus, wasReady: boolean, at: number): void {
    if (!this.#events.observed) {
      this.#tallyEnd(task, status, at);
      return;
    }
    const result = this.#parts.outcomes.result(task);
    const attemptRuns = this.#attemptRuns(task, status);
    if (attemptRuns) {
      const told = result.success ? {} : { error: result.error, reason: result.reason };
      const { attempts: attempt, executionTime } = result;
      this.#attemptEnded(task, at, {
        attempt,
        outcome: status as AttemptEndedEvent["outcome"],
        executionTime,
        ...told,
      });
    }
    if (this.#tallies.any) this.#tallies.taskEnded(task, status, result.attempts === 0 ? -1 : result.queuedTime, at);
    const ready = wasReady ? ({ wasReady } as const) : undefined;
    this.#events.emit({ type: "task-ended", at, ...this.#named(task), status, ...ready, result });
  }

  /** A task of the plan has succeeded, and nobody wants events. */
  succeeded(task: number): void {
    if (this.#tallies.functionSucceeded(task)) return;
    this.#tallyEnd(task, "succeeded", this.#parts.scheduler.table.endedAt[task]!);
  }

  /** Whether the task ends with an attempt: not before one, and not between two. */
  #attemptRuns(task: number, status: TaskStatus): boolean {
    const between = this.#between.size > 0 && this.#between.delete(task);
    return !between && status !== "skipped" && this.#parts.scheduler.table.attempts[task]! > 0;
  }

  /** The end of a task for those who count alone. */
  #tallyEnd(task: number, status: TaskStatus, at: number): void {
    const { outcomes, scheduler } = this.#parts;
    const { table } = scheduler;
    if (this.#attemptRuns(task, status)) {
      const facts = outcomes.takeFacts(task);
      const usage = outcomes.usageOf(task);
      const details = facts === undefined && usage === undefined ? undefined : { retried: false, facts, usage };
      const executionTime = (table.endedAt[task]! - table.startedAt[task]!) / 1000;
      this.#tallies.attemptEnded(task, status as AttemptEndedEvent["outcome"], executionTime, at, details);
    }
    this.#tallies.taskEnded(task, status, table.attempts[task] === 0 ? -1 : outcomes.queuedTime(task), at);
  }

  #attemptStarted(task: number, attempt: number, workerId: string): void {
    const { scheduler, limits, clock } = this.#parts;
    const { resources, amounts } = scheduler.admission.demandOf(task);
    const held = resources.length === 0 ? {} : { resources: describeAmounts(limits, resources, amounts) };
    this.#events.emit({ type: "attempt-started", at: clock.now(), ...this.#named(task), attempt, workerId, ...held });
  }

  #attemptEnded(task: number, at: number, end: EndOfAttempt): void {
    const { outcomes } = this.#parts;
    const facts = outcomes.takeFacts(task);
    const usage = outcomes.usageOf(task);
    if (this.#tallies.any) {
      const details = { retried: end.retryAt !== undefined, facts, usage };
      this.#tallies.attemptEnded(task, end.outcome, end.executionTime, at, details);
    }
    if (!this.#events.observed) return;
    this.#events.emit({
      type: "attempt-ended",
      at,
      ...this.#named(task),
      workerId: outcomes.workerOf(task),
      ...end,
      ...(facts === undefined ? undefined : { facts }),
      ...(usage === undefined ? undefined : { resourceUsage: usage }),
    });
  }

  #outline(): GraphOutline {
    const { tasks, scheduler } = this.#parts;
    const { table } = scheduler;
    const size = tasks.length;
    return {
      size,
      taskId: (task) => tasks[task]!.id,
      name: (task) => this.nameOf(task),
      dependencies: (task) => table.dependenciesOf(task),
    };
  }

  /** Lets an observer in: one that counts is given a tally to fill, any other is told of events. */
  #admit(observer: Observer): void {
    const { scheduler } = this.#parts;
    if (observer.tally === undefined) {
      scheduler.tellsSuccess = "effect";
      scheduler.tellsReady = true;
      this.#events.add(observer);
      this.#lookWhoWatches();
      return;
    }
    if (scheduler.tellsSuccess === "nothing") scheduler.tellsSuccess = "number";
    try {
      const tally = observer.tally(this.#talliedRun());
      this.#tallies.add(tally);
      this.#tallies.catchUp(tally);
    } catch (thrown) {
      this.#events.warn("its tally", thrown);
    }
    this.#lookWhoWatches();
  }

  #lookWhoWatches(): void {
    this.observed = this.#events.observed || this.#tallies.any;
    this.traces = this.#events.traces;
  }

  #talliedRun(): TalliedRun {
    const { runId: id, graphName: graph, tasks, scheduler, clock } = this.#parts;
    const tallies = this.#tallies;
    return {
      id,
      graph,
      startedAt: this.#startedAt,
      limits: this.limits(),
      get taskCount() {
        return tasks.length;
      },
      get ready() {
        return scheduler.admission.unstarted;
      },
      flush: () => tallies.flush(),
      tellAtOnce: (atOnce) => tallies.tellAtOnce(atOnce),
      kindName: (kind) => tallies.kindName(kind),
      // Bound rather than closed over: what keeps it must not keep the run.
      now: clock.now.bind(clock),
    };
  }

  /** What attempts may hold at once, in the units of people. */
  limits(): Record<string, number> {
    const { limits } = this.#parts;
    const all = limits.names.map((_, resource) => resource);
    return { slots: limits.slots, ...describeAmounts(limits, all, limits.capacities) };
  }

  #named(task: number): { taskId: string; name: string } {
    return { taskId: this.#parts.tasks[task]!.id, name: this.nameOf(task) };
  }
}

function kindOf({ id, name }: Task): string {
  return name ?? kindOfId(id);
}

function dependenciesOf({ dependsOn = [], inputs = {} }: Task): string[] {
  return [...new Set([...dependsOn, ...Object.values(inputs)])];
}
