/**
 * One run: the shell around the scheduler. It turns what happens (promises, runners, timers, callers) into events of
 * the scheduler, and carries out the effects that come back.
 *
 * Events are taken one at a time: an effect that ends at once, such as a function that returns no promise, adds its
 * event to a list instead of calling back into the scheduler, so no graph is deep enough to overflow the stack. Tasks
 * that end in promise callbacks alone would starve timers and sockets of this process; so after a slice of time without
 * a turn of the event loop, the run waits for one.
 */
import type { CompiledGraph } from "../core/compile.js";
import type { AdditionCompiler } from "../core/compile-additions.js";
import type { EndReason, SchedulerEffect } from "../core/effect.js";
import { EffectList } from "../core/effect-list.js";
import type { SchedulerEvent } from "../core/event.js";
import { Scheduler } from "../core/scheduler.js";
import { assertNever } from "../model/assert-never.js";
import { asError, OrchestratorError } from "../model/error.js";
import type { RunEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { Clock } from "../port/clock.js";
import type { Observer } from "../port/observer.js";
import type { LimitEnforcement } from "../port/runner.js";
import type { RunnerSet } from "./compose.js";
import type { ResolvedConfig } from "./config.js";
import { Outcomes, RunResults } from "./outcomes.js";
import { RunAttempts } from "./run-attempts.js";
import { EventStream, RunEvents } from "./run-events.js";
import { RunFamily } from "./run-family.js";
import { RunReporter } from "./run-reporter.js";
import type { RunState } from "./run-state.js";

/** What a run is made of. */
export interface RunParts {
  readonly id: string;
  readonly graphName: string;
  readonly graph: CompiledGraph;
  readonly additions: AdditionCompiler;
  readonly config: ResolvedConfig;
  readonly runners: RunnerSet;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: readonly AbortSignal[];
}

/** Milliseconds that a run goes on without a turn of the event loop. */
const sliceMs = 10;

/** One execution of one graph. */
export class Run implements AsyncDisposable, AsyncIterable<RunEvent> {
  readonly id: string;
  /** The results, when every task has ended. Never rejects for a task's failure. */
  readonly results: Promise<RunResults>;
  readonly #parts: RunParts;
  readonly #state: RunState;
  readonly #scheduler: Scheduler;
  readonly #outcomes: Outcomes;
  readonly #events: RunEvents;
  readonly #reporter: RunReporter;
  readonly #attempts: RunAttempts;
  readonly #family: RunFamily;
  #resolve: (results: RunResults) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
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
  #over = false;
  readonly #onAbort: () => void;

  /** @internal */
  constructor(parts: RunParts) {
    const { config, graph, clock, id } = parts;
    this.#parts = parts;
    this.id = id;
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const tasks = [...graph.tasks];
    const scheduler = new Scheduler(graph.plan, { limits: config.limits, failurePolicy: config.failurePolicy });
    this.#scheduler = scheduler;
    this.#outcomes = new Outcomes(scheduler.table, (task) => tasks[task]!.id);
    this.#events = new RunEvents(id, config.monitor === undefined ? [] : [config.monitor]);
    this.#reporter = new RunReporter(this.#events, tasks, scheduler.table, this.#outcomes, clock);
    this.#state = {
      id,
      tasks,
      numbers: graph.numbers,
      scheduler,
      outcomes: this.#outcomes,
      reporter: this.#reporter,
      clock,
      config,
      random: parts.random,
      send: (event) => this.#send(event),
      sendNow: (event) => this.#sendNow(event),
    };
    this.#family = new RunFamily(this.#state, parts.additions);
    this.#attempts = new RunAttempts(this.#state, this.#family, parts.runners);
    this.#onAbort = () => this.cancel(parts.signals.find((signal) => signal.aborted)?.reason);
    for (const signal of parts.signals) signal.addEventListener("abort", this.#onAbort, { once: true });
    queueMicrotask(() => this.#start());
  }

  /** What holds the limits of attempts, by the runners that are in use so far. */
  get enforcement(): readonly LimitEnforcement[] {
    return this.#parts.runners.enforcement();
  }

  /**
   * Cancels what has not ended: waiting tasks end at once, running attempts are aborted, and `results` resolves when
   * nothing runs any more, with all that was done. `reason` is told in the results. Idempotent.
   */
  cancel(reason?: unknown): void {
    this.#cancel("caller", reason === undefined ? "" : asError(reason).message);
  }

  /** @internal Cancels because the executor is being closed. */
  shutDown(): void {
    this.#cancel("shutdown", "the executor was closed");
  }

  /** Cancels one task; those that depend on it are skipped. Throws `RangeError` for an unknown id; does nothing to one that has ended. */
  cancelTask(taskId: string): void {
    const task = this.#state.numbers.get(taskId);
    if (task === undefined) throw new RangeError(`task "${taskId}" is not in this run`);
    this.#send({ type: "task-cancelled", at: this.#state.clock.now(), task });
  }

  /** Has `observer` told of all events from now on. */
  observe(observer: Observer): void {
    this.#events.add(observer);
    this.#scheduler.observed = true;
  }

  /** The events from now on: all of them where this is asked for before the run has started, which it does on the next microtask. */
  [Symbol.asyncIterator](): AsyncIterator<RunEvent, undefined> {
    const stream: EventStream = new EventStream(() => this.#events.remove(stream));
    if (this.#over) stream.close();
    else this.observe(stream);
    return stream;
  }

  /** Cancels the run if it has not ended, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel("the run was disposed of");
    await this.results.catch(() => undefined);
  }

  #start(): void {
    this.#startedAt = this.#state.clock.now();
    if (this.#events.observed) {
      this.#scheduler.observed = true;
      this.#reporter.runStarted(this.#startedAt, this.#parts.graphName);
    }
    const aborted = this.#parts.signals.find((signal) => signal.aborted);
    if (aborted !== undefined) this.cancel(aborted.reason);
    this.#send({ type: "run-started", at: this.#startedAt });
  }

  #cancel(by: "caller" | "shutdown", message: string): void {
    if (this.#over) return;
    this.#outcomes.cancelMessage = message;
    const at = this.#state.clock.now();
    if (this.#events.observed) this.#reporter.cancelRequested(at, by, message);
    this.#send({ type: "run-cancelled", at, by });
  }

  #send(event: SchedulerEvent): void {
    if (this.#sending || this.#paused) this.#pending.push(event);
    else this.#pump(event);
  }

  #sendNow(event: SchedulerEvent): void {
    this.#scheduler.handle(event, this.#effects);
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
    this.#scheduler.handle(event, this.#effects);
    this.#performAll();
    return true;
  }

  #performAll(): void {
    const effects = this.#effects;
    for (let index = 0; index < effects.size; index++) this.#perform(effects.at(index));
    effects.clear();
  }

  #mustPause(at: number): boolean {
    if (!this.#turnAsked) {
      this.#turnAsked = true;
      this.#turnAskedAt = at;
      this.#state.clock.yield(() => this.#turnCame());
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
  }

  #perform(effect: SchedulerEffect): void {
    switch (effect.type) {
      case "start-attempt":
        this.#attempts.start(effect.task, effect.attempt);
        return;
      case "task-ended":
        this.#taskEnded(effect.task, effect.status, effect.reason, effect.at);
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
        this.#reporter.taskReady(effect.task, effect.at);
        return;
      case "retry-scheduled":
        if (this.#events.observed) this.#reporter.retryScheduled(effect.task, effect.attempt, effect.retryAt);
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

  #taskEnded(task: number, status: TaskStatus, reason: EndReason | undefined, at: number): void {
    if (status !== "succeeded") {
      this.#outcomes.ended(task, reason);
      this.#outcomes.outputs[task] = undefined;
    }
    if (this.#events.observed) this.#reporter.taskEnded(task, status, at);
    this.#family.ended(task);
  }

  #wakeAt(at: number): void {
    const { clock } = this.#state;
    this.#cancelWake?.();
    this.#cancelWake = clock.schedule(at - clock.now(), () => this.#send({ type: "clock-reached", at: clock.now() }));
  }

  #ended(at: number): void {
    this.#finish();
    if (this.#events.observed)
      this.#reporter.runEnded(at, this.#startedAt, this.#outcomes.counts(this.#state.numbers.size));
    this.#resolve(new RunResults(this.#state.numbers, this.#outcomes));
  }

  #finish(): void {
    this.#over = true;
    this.#cancelWake?.();
    for (const signal of this.#parts.signals) signal.removeEventListener("abort", this.#onAbort);
  }

  /** A fault of the engine itself: the run cannot go on, and says so rather than hang. */
  #crash(thrown: unknown): void {
    this.#finish();
    this.#reject(
      new OrchestratorError(
        "INTERNAL",
        `run ${this.id} was stopped by a fault of the engine: ${asError(thrown).message}`,
        { cause: thrown },
      ),
    );
  }
}
