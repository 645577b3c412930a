/**
 * What runs and streams have in common: the shell around a scheduler. It turns what happens (promises, runners, timers,
 * callers) into events of the scheduler, and carries out the effects that come back.
 *
 * Events are taken one at a time: an effect that ends at once, such as a function that returns no promise, adds its
 * event to a list instead of calling back into the scheduler, so no graph is deep enough to overflow the stack. Tasks
 * that end in promise callbacks alone would starve timers and sockets of this process; so after a slice of time without
 * a turn of the event loop, no event is taken until one has come.
 */
import type { AdditionCompiler } from "../core/compile.js";
import { EffectList } from "../core/containers.js";
import type { SchedulerEffect } from "../core/effect.js";
import type { SchedulerEvent } from "../core/event.js";
import type { Plan } from "../core/plan.js";
import { Scheduler } from "../core/scheduler.js";
import type { TaskKinds } from "../core/task-kinds.js";
import { asError, assertNever, type OrchestratorError } from "../model/error.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { RunJournal } from "../port/journal.js";
import type { BatchWatch } from "./batch-watch.js";
import type { RunnerSet } from "./compose.js";
import type { ResolvedConfig } from "./config.js";
import type { GatedRun, JournalGate } from "./journal-gate.js";
import { Outcomes } from "./outcomes.js";
import { RunAttempts } from "./run-attempts.js";
import { RunFamily } from "./run-family.js";
import { RunReporter } from "./run-reporter.js";
import type { TaskNumbers } from "./run-state.js";

/** What a run or stream is made of. */
export interface CoreParts {
  readonly id: string;
  readonly graphName: string;
  readonly plan: Plan;
  /** By number. Added tasks are put into it. */
  readonly tasks: Task[];
  readonly numbers: TaskNumbers;
  /** Kinds of the tasks, where they have been read. */
  readonly kinds: TaskKinds | undefined;
  readonly additions: AdditionCompiler;
  readonly config: ResolvedConfig;
  readonly runners: RunnerSet;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: readonly AbortSignal[];
  /** Whether more tasks will come from outside. */
  readonly open: boolean;
  /** Whether something is to be looked at before it starts: until then, events wait. */
  readonly held?: boolean;
}

/** Who is told how it goes. */
export interface CoreOwner {
  /** A task ended; not called for successes in a closed graph that nobody observes. */
  taskEnded(task: number): void;
  ended(at: number): void;
  /** A fault of the engine itself: nothing more will happen. */
  crashed(thrown: unknown): void;
}

type TaskEnded = Extract<SchedulerEffect, { type: "task-ended" }>;

/** Milliseconds without a turn of the event loop. */
const sliceMs = 10;

export class RunCore implements GatedRun {
  readonly id: string;
  readonly open: boolean;
  readonly tasks: Task[];
  readonly numbers: TaskNumbers;
  readonly scheduler: Scheduler;
  readonly outcomes: Outcomes;
  readonly reporter: RunReporter;
  readonly clock: Clock;
  readonly config: ResolvedConfig;
  readonly random: () => number;
  batches: BatchWatch | undefined;
  gate: JournalGate | undefined;
  readonly #parts: CoreParts;
  readonly #owner: CoreOwner;
  readonly #attempts: RunAttempts;
  readonly #family: RunFamily;
  /** Events that wait until the one that is being taken has been. */
  #pending: SchedulerEvent[] = [];
  readonly #effects = new EffectList();
  /** Events are being taken. */
  #sending = false;
  /** A turn of the event loop has been asked for and has not come; since when. */
  #turnAsked = false;
  #turnAskedAt = 0;
  /** Events wait for that turn. */
  #paused = false;
  #cancelWake: (() => void) | undefined;
  #startedAt = 0;
  #cancelRequested = false;
  #over = false;
  readonly #onAbort: () => void;

  constructor(parts: CoreParts, owner: CoreOwner) {
    const { id, plan, tasks, config, clock } = parts;
    this.#parts = parts;
    this.#owner = owner;
    this.id = id;
    this.open = parts.open;
    this.tasks = tasks;
    this.numbers = parts.numbers;
    this.config = config;
    this.clock = clock;
    this.random = parts.random;
    this.scheduler = new Scheduler(plan, {
      limits: config.limits,
      failurePolicy: config.failurePolicy,
      inputClosed: !parts.open,
    });
    this.outcomes = new Outcomes(this.scheduler.table, (task) => tasks[task]!.id);
    this.reporter = new RunReporter(
      {
        runId: id,
        graphName: parts.graphName,
        kinds: parts.kinds,
        tasks,
        scheduler: this.scheduler,
        outcomes: this.outcomes,
        clock,
        limits: config.limits,
      },
      config.observers,
    );
    this.#family = new RunFamily(this, parts.additions);
    this.#attempts = new RunAttempts(this, this.#family, parts.runners);
    this.#paused = parts.held ?? false;
    this.#onAbort = () => this.cancel("caller", messageOf(this.#abortedSignal()?.reason));
    for (const signal of parts.signals) signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get over(): boolean {
    return this.#over;
  }

  get busy(): boolean {
    return !this.idle || this.gate?.holds === true;
  }

  /** Starts with a journal, and with what it says that was done. */
  startWith(makeGate: (run: GatedRun) => JournalGate): void {
    this.gate = makeGate(this);
    try {
      this.gate.restore();
    } catch (thrown) {
      this.#crash(thrown);
      return;
    }
    this.startHeld();
  }

  startHeld(): void {
    this.#paused = false;
    this.start();
  }

  start(): void {
    this.#startedAt = this.clock.now();
    this.reporter.runStarted(this.#startedAt);
    this.gate?.reportRestored();
    const aborted = this.#abortedSignal();
    if (aborted !== undefined) this.cancel("caller", messageOf(aborted.reason));
    this.send({ type: "run-started", at: this.#startedAt });
  }

  /** Whether every event that was sent has been taken. */
  get idle(): boolean {
    return !this.#sending && !this.#paused && this.#pending.length === 0;
  }

  journalFailed(error: OrchestratorError): void {
    this.outcomes.journalError = error;
    if (this.#over) return;
    this.#cancelRequested = true;
    const at = this.clock.now();
    if (this.reporter.observed) this.reporter.cancelRequested(at, "journal", error.message);
    this.deliver({ type: "run-cancelled", at, by: "journal" });
  }

  cancel(by: "caller" | "shutdown", message: string): void {
    if (this.#over || this.#cancelRequested) return;
    this.#cancelRequested = true;
    this.outcomes.cancelMessage = message;
    const at = this.clock.now();
    if (this.reporter.observed) this.reporter.cancelRequested(at, by, message);
    this.gate?.journal.cancelRequested(at, by, message);
    this.send({ type: "run-cancelled", at, by });
  }

  send(event: SchedulerEvent): void {
    if (this.gate !== undefined) this.gate.send(event);
    else this.deliver(event);
  }

  deliver(event: SchedulerEvent): void {
    if (this.#sending || this.#paused) this.#pending.push(event);
    else this.#pump(event);
  }

  sendNow(event: SchedulerEvent): void {
    this.scheduler.handle(event, this.#effects);
    if (!this.#sending && !this.#paused) this.#pump(undefined);
  }

  /** Takes an event and those that wait, and carries out what the scheduler answers. */
  #pump(first: SchedulerEvent | undefined): void {
    this.#sending = true;
    try {
      this.#performAll();
      if (first !== undefined && !this.#take(first)) this.#pending = [first, ...this.#pending];
      else if (this.#pending.length > 0) this.#takePending();
    } catch (thrown) {
      this.#crash(thrown);
    } finally {
      this.#sending = false;
      this.batches?.changed();
    }
  }

  #takePending(): void {
    const pending = this.#pending;
    for (let next = 0; next < pending.length; next++) {
      if (this.#take(pending[next]!)) continue;
      this.#pending = pending.slice(next);
      return;
    }
    this.#pending = [];
  }

  /** Takes one event; false where it has to wait for a turn of the event loop. */
  #take(event: SchedulerEvent): boolean {
    if (this.#mustPause(event.at)) return false;
    this.scheduler.handle(event, this.#effects);
    this.#performAll();
    return true;
  }

  #performAll(): void {
    const effects = this.#effects;
    if (effects.successCount > 0) {
      for (let index = 0; index < effects.successCount; index++) this.reporter.succeeded(effects.successAt(index));
      effects.clearSuccesses();
    }
    for (let index = 0; index < effects.size; index++) this.#perform(effects.at(index));
    effects.clear();
  }

  #mustPause(at: number): boolean {
    if (!this.#turnAsked) {
      this.#turnAsked = true;
      this.#turnAskedAt = at;
      this.clock.yield(() => this.#turnCame());
      return false;
    }
    this.#paused = at > this.#turnAskedAt + sliceMs;
    return this.#paused;
  }

  #turnCame(): void {
    this.#turnAsked = false;
    if (!this.#paused) return;
    this.#paused = false;
    this.#pump(undefined);
    this.gate?.wake();
  }

  #perform(effect: SchedulerEffect): void {
    switch (effect.type) {
      case "start-attempt":
        this.#attempts.start(effect.task, effect.attempt);
        return;
      case "task-ended":
        this.#taskEnded(effect);
        return;
      case "abort-attempt":
        this.#attempts.abort(effect.task, effect.attempt, effect.because);
        return;
      case "wake-at":
        this.#wakeAt(effect.at);
        return;
      case "decide":
        this.#attempts.decide(effect.task);
        return;
      case "task-ready":
        this.reporter.taskReady(effect.task, effect.at);
        return;
      case "retry-scheduled":
        if (this.reporter.observed) this.reporter.retryScheduled(effect.task, effect.attempt, effect.retryAt);
        this.gate?.journal.retryScheduled(effect.task, effect.attempt, effect.retryAt);
        return;
      case "resume-task":
        this.#family.resume(effect.task);
        return;
      case "run-ended":
        this.#ended(effect.at);
        return;
      default:
        assertNever(effect);
    }
  }

  #taskEnded({ task, status, reason, wasReady, at }: TaskEnded): void {
    if (status !== "succeeded") {
      this.outcomes.ended(task, reason);
      this.outcomes.outputs[task] = undefined;
      if (this.gate !== undefined) this.#recordEnd(this.gate.journal, task, at);
    }
    if (this.reporter.observed) this.reporter.taskEnded(task, status, wasReady, at);
    this.#family.ended(task);
    this.#owner.taskEnded(task);
  }

  #recordEnd(journal: RunJournal, task: number, at: number): void {
    const result = this.outcomes.result(task);
    if (!result.success) journal.taskEnded(task, at, result);
  }

  #wakeAt(at: number): void {
    this.#cancelWake?.();
    this.#cancelWake = this.clock.schedule(at - this.clock.now(), () =>
      this.send({ type: "clock-reached", at: this.clock.now() }),
    );
  }

  #ended(at: number): void {
    this.#finish();
    this.gate?.journal.runEnded(at, this.outcomes.counts, (at - this.#startedAt) / 1000);
    if (this.reporter.observed) this.reporter.runEnded(at);
    this.#owner.ended(at);
  }

  /** Nothing will start: the journal could not be opened. */
  abandon(): void {
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#parts.runners.runEnded(this.id);
    this.#cancelWake?.();
    for (const signal of this.#parts.signals) signal.removeEventListener("abort", this.#onAbort);
  }

  /** The run cannot go on, and says so rather than hang. */
  #crash(thrown: unknown): void {
    this.#finish();
    this.reporter.crashed();
    this.#owner.crashed(thrown);
  }

  #abortedSignal(): AbortSignal | undefined {
    return this.#parts.signals.find((signal) => signal.aborted);
  }
}

/** A reason of a cancellation in words. */
export function messageOf(reason: unknown): string {
  return reason === undefined ? "" : asError(reason).message;
}
