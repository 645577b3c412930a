/**
 * Decides which attempt runs in which of a pool's threads.
 *
 * An attempt goes to the thread with the fewest in it, and may wait there behind others (up to `lookahead` beyond what
 * the thread may begin), so that a thread never waits for its parent. What waits is not bound to its thread: by the
 * claims in shared memory (`worker/protocol.ts`) it can be taken back until the moment it begins. So a thread that runs
 * dry takes over half of what waits in the fullest one, an abort before the beginning ends nothing else, and an attempt
 * that had not begun when its thread died is simply given to another.
 *
 * Whose fault is it when a thread dies of itself? The attempt that was alone in it, or else the one whose code was on
 * the stack; it fails, and the others that had begun are lost, which the executor does not charge. Where neither is
 * known (a timer of one of several waiting attempts threw), all of them are lost. A lost task has a thread to itself the
 * next time, so that none is lost twice, and there is no doubt about the guilty one then. What an attempt left running
 * after its end counts as the fault of whoever is in the thread by then.
 */
import type { AttemptListener } from "../../port/runner.js";
import { Deque } from "../worker/deque.js";
import {
  inputsNotSerialisable,
  reportedFailure,
  type WorkerEnd,
  workerEndFailure,
  workerLost,
} from "../worker/failure.js";
import { FunctionNumbers, type KnownFunction } from "../worker/function-numbers.js";
import type { ToParentMessage } from "../worker/protocol.js";
import { type BudgetMember, ThreadBudget } from "./budget.js";
import { Job, type JobOptions } from "./job.js";
import { LostTasks } from "./lost-tasks.js";
import type { CheckedPoolOptions } from "./options.js";
import { PoolThread, type Remaining, type ThreadOwner } from "./pool-thread.js";

const lookahead = 32;

export interface PoolShared {
  /** Whether the calls of one turn travel to a thread together (`calls.ts`). */
  readonly gathersCalls: boolean;
  readonly budget: ThreadBudget;
  readonly functions: FunctionNumbers;
  readonly lostTasks: LostTasks;
  /** Names the next thread. */
  nextThreadId(): string;
}

export function newPoolShared(maxWorkers: number, gathersCalls = false): PoolShared {
  let count = 0;
  return {
    gathersCalls,
    budget: new ThreadBudget(maxWorkers),
    functions: new FunctionNumbers(),
    lostTasks: new LostTasks(),
    nextThreadId: () => `thread-${++count}`,
  };
}

export class ThreadPool implements ThreadOwner, BudgetMember {
  readonly #options: CheckedPoolOptions;
  readonly #shared: PoolShared;
  readonly #threads: PoolThread[] = [];
  readonly #queue = new Deque<Job>();
  /** Attempts that must be alone in a thread. */
  readonly #aloneQueue = new Deque<Job>();
  /** Whether the end of this turn is to be used for taking over, letting go and the like. */
  #settling = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: CheckedPoolOptions, shared: PoolShared) {
    this.#options = options;
    this.#shared = shared;
    shared.budget.join(this);
    for (let count = 0; count < options.minWorkers; count++) this.#grow();
  }

  /** Threads that exist, those that are starting or ending included. */
  get size(): number {
    return this.#threads.length;
  }

  submit(known: KnownFunction, inputs: unknown, listener: AttemptListener, options?: JobOptions): Job {
    const job = new Job(known, inputs, listener, options);
    this.#place(job);
    return job;
  }

  /** Aborts the attempt's signal, and stops it by force where it does not end by itself. */
  abort(job: Job, reason: Error): void {
    if (job.over || job.aborted !== undefined) return;
    job.aborted = reason;
    const { thread } = job;
    if (thread === undefined) {
      (job.alone ? this.#aloneQueue : this.#queue).remove(job);
      if (job.end()) job.listener.stopped();
    } else if (thread.withdraw(job)) {
      this.#scheduleSettling();
      if (job.end()) job.listener.stopped();
    } else {
      thread.abort(job, reason);
      job.graceTimer = setTimeout(() => void thread.kill(), this.#options.abortGraceMs);
    }
  }

  /** Ends every thread; attempts that have not ended are stopped. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    for (const queue of [this.#queue, this.#aloneQueue])
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) if (job.end()) job.listener.stopped();
    if (this.#threads.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
        for (const thread of this.#threads) void thread.kill();
      });
    }
    this.#shared.budget.leave(this);
  }

  #place(job: Job): void {
    if (job.alone) {
      this.#aloneQueue.push(job);
      this.#placeAlone();
      return;
    }
    const thread = this.#queue.length === 0 ? this.#leastLoaded(job.affinity) : undefined;
    if (thread === undefined || thread.inFlight > 0) this.#grow();
    if (thread === undefined) this.#queue.push(job);
    else this.#give(thread, job);
  }

  /** The thread with the fewest attempts in it; of several, one that served the key of affinity before. */
  #leastLoaded(affinity: string | undefined): PoolThread | undefined {
    let least: PoolThread | undefined;
    for (const thread of this.#threads) {
      if (thread.reserved || thread.room === 0) continue;
      const fewer = least === undefined || thread.inFlight < least.inFlight;
      if (!fewer && !(thread.inFlight === least!.inFlight && thread.warmKeys.has(affinity))) continue;
      least = thread;
      if (thread.inFlight === 0 && (affinity === undefined || thread.warmKeys.has(affinity))) break;
    }
    return least;
  }

  #give(thread: PoolThread, job: Job): void {
    try {
      thread.give(job);
    } catch (error) {
      if (job.end()) job.listener.failed(inputsNotSerialisable(error));
      return;
    }
    if (thread.given >= this.#options.recycleAfterTasks) thread.retire();
    if (!job.announce) job.tellStarted(thread.id);
  }

  #grow(): void {
    if (this.#closed || this.#threads.length >= this.#options.maxWorkers || !this.#shared.budget.take(this)) return;
    const { tasksPerWorker, recycleAfterBytes, heapLimitBytes } = this.#options;
    const { gathersCalls } = this.#shared;
    const options = { tasksPerWorker, recycleAfterBytes, heapLimitBytes, lookahead, gathersCalls };
    this.#threads.push(new PoolThread(this.#shared.nextThreadId(), options, this));
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const thread = this.#leastLoaded(this.#queue.peek()?.affinity);
      if (thread === undefined) {
        this.#grow();
        return;
      }
      this.#give(thread, this.#queue.shift()!);
    }
  }

  /** Gives an attempt that must be alone to an empty thread, or keeps the emptiest one for it until it is empty. */
  #placeAlone(): void {
    while (this.#aloneQueue.length > 0) {
      const serving = this.#threads.filter((thread) => thread.state === "serving");
      const empty = serving.find((thread) => thread.inFlight === 0);
      if (empty !== undefined) {
        empty.reserved = true;
        this.#give(empty, this.#aloneQueue.shift()!);
        if (empty.inFlight === 0) empty.reserved = false;
        continue;
      }
      this.#grow();
      if (serving.length > 0 && !serving.some((thread) => thread.reserved))
        serving.reduce((least, thread) => (thread.inFlight < least.inFlight ? thread : least)).reserved = true;
      return;
    }
  }

  threadReady(thread: PoolThread): void {
    this.#placeAlone();
    this.#pump();
    if (thread.inFlight === 0) this.#scheduleSettling();
  }

  jobSucceeded(thread: PoolThread, job: Job, output: unknown): void {
    // Not when it was given: until it begins, another thread may take it over.
    thread.warmKeys.add(job.affinity);
    this.#left(thread);
    if (!job.end()) return;
    if (job.aborted === undefined) job.listener.succeeded(output);
    else job.listener.stopped();
  }

  jobUnsent(thread: PoolThread, job: Job, error: unknown): void {
    this.#left(thread);
    if (job.end()) job.listener.failed(inputsNotSerialisable(error));
  }

  jobFailed(thread: PoolThread, job: Job, message: Extract<ToParentMessage, [1, ...unknown[]]>): void {
    this.#left(thread);
    if (!job.end()) return;
    if (job.aborted === undefined) job.listener.failed(reportedFailure(message[2], message[3], job.known.module));
    else job.listener.stopped();
  }

  threadFull(thread: PoolThread): void {
    thread.retire();
  }

  threadEnded(thread: PoolThread, end: WorkerEnd, remaining: Remaining): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    this.#tellEnds(thread, end, remaining);
    this.#shared.budget.give();
    if (!thread.wasReady && !this.#closed) this.#failQueued(thread, end);
    for (const job of remaining.waiting) this.#placeAgain(thread, job, end);
    if (this.#threads.length === 0) this.#onEmpty?.();
    if (this.#closed) return;
    // Not again at once what has just failed to come up.
    if (thread.wasReady) for (let count = this.#threads.length; count < this.#options.minWorkers; count++) this.#grow();
    this.#placeAlone();
    this.#pump();
  }

  #tellEnds(thread: PoolThread, end: WorkerEnd, { begun, onStack }: Remaining): void {
    const aborted = begun.filter((job) => job.aborted !== undefined || this.#closed);
    const others = begun.filter((job) => !aborted.includes(job));
    for (const job of aborted) if (job.end()) job.listener.stopped();
    const ofItself = aborted.length === 0;
    const guilty = !ofItself ? undefined : others.length === 1 ? others[0] : onStack;
    for (const job of others) {
      if (!job.end()) continue;
      if (job === guilty) {
        job.listener.failed(workerEndFailure(thread.id, end));
        continue;
      }
      this.#shared.lostTasks.add(job.identity);
      job.listener.lost(workerLost(thread.id, end));
    }
  }

  /** An attempt that had not begun when its thread ended. */
  #placeAgain(thread: PoolThread, job: Job, end: WorkerEnd): void {
    if (job.aborted !== undefined || this.#closed) {
      if (job.end()) job.listener.stopped();
    } else if (job.transfer !== undefined) {
      if (!job.end()) return;
      this.#shared.lostTasks.add(job.identity);
      job.listener.lost(workerLost(thread.id, end));
    } else this.#place(job);
  }

  /** A thread that never came up says that none will: whoever waits for one is told instead of waiting for ever. */
  #failQueued(thread: PoolThread, end: WorkerEnd): void {
    if (this.#threads.some(({ state }) => state === "serving")) return;
    for (const queue of [this.#queue, this.#aloneQueue])
      for (let job = queue.shift(); job !== undefined; job = queue.shift())
        if (job.end()) job.listener.failed(workerEndFailure(thread.id, end));
  }

  #left(thread: PoolThread): void {
    if (this.#queue.length > 0) this.#pump();
    if (thread.inFlight === 0) this.#scheduleSettling();
  }

  /** Once at the end of a turn, when what its reports have set off has been submitted. */
  #scheduleSettling(): void {
    if (this.#settling) return;
    this.#settling = true;
    setImmediate(() => {
      this.#settling = false;
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#closed) return;
    for (const thread of this.#threads) if (thread.inFlight === 0) thread.reserved = false;
    this.#placeAlone();
    this.#pump();
    for (const thread of this.#threads) {
      if (thread.inFlight > 0 || thread.state !== "serving") continue;
      if (!thread.reserved && this.#takeOver(thread)) continue;
      if (this.#shared.budget.wantedBeside(this)) {
        thread.retire();
      } else {
        thread.hold(false);
        thread.idleSinceMs = performance.now();
        this.#watchIdle();
      }
    }
  }

  /** Moves half of what waits in the fullest thread to an empty one. */
  #takeOver(empty: PoolThread): boolean {
    let fullest: PoolThread | undefined;
    for (const thread of this.#threads) {
      if (thread.inFlight > 1 && (fullest === undefined || thread.inFlight > fullest.inFlight)) fullest = thread;
    }
    if (fullest === undefined) return false;
    const count = Math.min(fullest.inFlight >> 1, empty.room);
    for (let moved = 0; moved < count; moved++) {
      const job = fullest.withdrawLast();
      if (job === undefined) break;
      this.#give(empty, job);
    }
    return empty.inFlight > 0;
  }

  giveUpIdle(): boolean {
    const idle = this.#threads.find((thread) => thread.state === "serving" && thread.inFlight === 0);
    idle?.retire();
    return idle !== undefined;
  }

  budgetFreed(): void {
    if (this.#closed) return;
    // Attempts that wait in a thread behind others are taken over by the new one.
    if (this.#queue.length > 0 || this.#aloneQueue.length > 0 || this.#threads.some(({ inFlight }) => inFlight > 1))
      this.#grow();
  }

  #watchIdle(): void {
    if (this.#idleTimer !== undefined || this.#threads.length <= this.#options.minWorkers) return;
    this.#idleTimer = setTimeout(() => this.#endIdle(), this.#options.idleTimeoutMs);
    this.#idleTimer.unref();
  }

  #endIdle(): void {
    this.#idleTimer = undefined;
    const since = performance.now() - this.#options.idleTimeoutMs;
    let spare = this.#threads.filter(({ state }) => state !== "retiring").length - this.#options.minWorkers;
    for (const thread of [...this.#threads]) {
      if (thread.inFlight > 0 || thread.state !== "serving") continue;
      if (spare > 0 && thread.idleSinceMs <= since + 1) {
        spare--;
        thread.retire();
      } else this.#watchIdle();
    }
  }
}
