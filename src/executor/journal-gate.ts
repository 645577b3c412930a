/**
 * Holds each end of an attempt until it is in the journal, so that nothing starts on the ground of what could be forgotten.
 *
 *     send(end) -> [queue] -> record -> commit -> scheduler
 *
 * Ends wait for the turn's other callbacks to have run (`process.nextTick`), and for the write that goes on meanwhile: so one write
 * serves all that ended in between. Events keep their order. An end is recorded when all before it have reached the
 * scheduler, and so as what the scheduler will take it for: of an attempt that was being aborted, the abort's. Where an
 * end may change what those after it are (a failure that cancels others), they wait for a batch of their own.
 *
 * When the journal cannot be written, the run stops: what has ended counts and is told in the results, nothing more starts,
 * and what runs is aborted.
 */
import type { SchedulerEvent } from "../core/event.js";
import { isEnd, TaskState } from "../core/task-table.js";
import { asError, OrchestratorError, toErrorData } from "../model/error.js";
import type { FailureReason } from "../model/result.js";
import type { RunJournal } from "../port/journal.js";
import { reportRestored, restoreRun } from "./restore-run.js";
import type { RunState } from "./run-state.js";

type AttemptEnd = Extract<
  SchedulerEvent,
  { type: "attempt-succeeded" | "attempt-failed" | "attempt-lost" | "attempt-stopped" }
>;
type Recorded = AttemptEnd | Extract<SchedulerEvent, { type: "condition-decided" }>;

/** What the gate needs of its run. */
export interface GatedRun extends RunState {
  /** Whether every event that was delivered has been taken. */
  readonly idle: boolean;
  /** Hands an event to the scheduler. */
  deliver(event: SchedulerEvent): void;
  /** The journal cannot be written any more. */
  journalFailed(error: OrchestratorError): void;
}

export class JournalGate {
  readonly journal: RunJournal;
  readonly #run: GatedRun;
  #queue: SchedulerEvent[] = [];
  #asked = false;
  #committing = false;
  #flushing = false;
  #failed = false;
  /** Attempts that have started and are not in the journal. */
  #started: { readonly task: number; readonly attempt: number; readonly at: number; readonly workerId: string }[] = [];
  #startsAsked = false;

  constructor(run: GatedRun, journal: RunJournal) {
    this.#run = run;
    this.journal = journal;
  }

  /** Why the journal is not complete. */
  error: OrchestratorError | undefined;

  /** Takes over what earlier processes did, before the run starts. */
  restore(): void {
    restoreRun(this.#run, this.journal);
  }

  /** Tells whoever watches what was taken over. */
  reportRestored(): void {
    reportRestored(this.#run, this.journal);
  }

  /** Whether events wait to be written. */
  get holds(): boolean {
    return this.#committing || this.#queue.length > 0;
  }

  send(event: SchedulerEvent): void {
    // What a start changes, an end that waits does not hang on.
    const waits = isRecorded(event) || this.#queue.length > 0 || this.#committing;
    if (this.#failed || !waits || event.type === "attempt-started") {
      this.#run.deliver(event);
      return;
    }
    this.#queue.push(event);
    this.#ask();
  }

  /** An attempt runs. It is recorded with what comes next, or at the next turn of the event loop if nothing comes. */
  started(task: number, attempt: number, at: number, workerId: string): void {
    if (this.#failed) return;
    this.#started.push({ task, attempt, at, workerId });
    if (this.#startsAsked) return;
    this.#startsAsked = true;
    this.#run.clock.yield(() => {
      this.#startsAsked = false;
      if (this.#started.length > 0) this.#ask();
    });
  }

  /** The run can take events again. */
  wake(): void {
    if (this.#queue.length > 0) this.#ask();
  }

  /** Writes what is left, and lets go of the journal. */
  async finish(): Promise<void> {
    if (!this.#failed) {
      try {
        await this.journal.commit();
      } catch (error) {
        this.error = asError(error) as OrchestratorError;
      }
    }
    this.journal.close();
  }

  #ask(): void {
    if (this.#asked || this.#committing || this.#flushing) return;
    this.#asked = true;
    process.nextTick(() => {
      this.#asked = false;
      this.#flush();
    });
  }

  #flush(): void {
    this.#flushing = true;
    try {
      do this.#passDeciders();
      while (this.#run.idle && this.#queue.length > 0 && this.#writeBatch());
      if (this.#queue.length === 0 && !this.#committing && !this.#failed && this.#started.length > 0)
        this.#writeBatch();
    } finally {
      this.#flushing = false;
    }
  }

  /** Delivers what comes before the next end and is not recorded: a timer that fired, a cancellation. */
  #passDeciders(): void {
    while (this.#run.idle && this.#queue.length > 0 && !isRecorded(this.#queue[0]!))
      this.#run.deliver(this.#queue.shift()!);
  }

  /** Records and writes the ends at the front of the queue, and delivers them. False where that takes time. */
  #writeBatch(): boolean {
    const batch = this.#takeBatch();
    this.#recordStarts(batch);
    let written: Promise<void> | undefined;
    try {
      written = this.journal.commit();
    } catch (error) {
      this.#fail(error, batch);
      return false;
    }
    if (written === undefined) {
      for (const event of batch) this.#run.deliver(event);
      return true;
    }
    this.#committing = true;
    written.then(
      () => {
        this.#committing = false;
        for (const event of batch) this.#run.deliver(event);
        this.wake();
        if (this.#started.length > 0) this.#ask();
        // What looked for others to come while this was written has not seen that none will.
        this.#run.batches?.changed();
      },
      (error: unknown) => {
        this.#committing = false;
        this.#fail(error, batch);
      },
    );
    return false;
  }

  #takeBatch(): SchedulerEvent[] {
    const batch: SchedulerEvent[] = [];
    const queue = this.#queue;
    let next = 0;
    while (next < queue.length) {
      const event = queue[next]!;
      if (!isRecorded(event)) break;
      next++;
      const recorded = this.#record(event);
      batch.push(recorded);
      if (this.#changesOthers(recorded)) break;
    }
    this.#queue = next === queue.length ? [] : queue.slice(next);
    return batch;
  }

  /** Whether the scheduler may cancel other attempts for this end. */
  #changesOthers(event: Recorded): boolean {
    if (event.type === "attempt-succeeded") return false;
    return this.#run.config.failurePolicy === "fail-fast" || this.#run.scheduler.table.children.has(event.task);
  }

  /** Records an event; gives the one to deliver, which is another where the output cannot be journalled. */
  #record(event: Recorded): Recorded {
    const { table } = this.#run.scheduler;
    if (event.type === "condition-decided") {
      const told = event.verdict === "run" ? undefined : this.#run.outcomes.errors.get(event.task);
      this.journal.conditionDecided(event.task, event.at, event.verdict, told && toErrorData(told.error));
      return event;
    }
    // The scheduler drops it too.
    if (isEnd(table.state[event.task]!) || table.attempts[event.task] !== event.attempt) return event;
    if (table.state[event.task] === TaskState.aborting) this.#recordFailure(event);
    else if (event.type === "attempt-succeeded") return this.#recordSuccess(event);
    else this.#recordFailure(event);
    return event;
  }

  #recordSuccess(event: Extract<AttemptEnd, { type: "attempt-succeeded" }>): AttemptEnd {
    const { outcomes, scheduler } = this.#run;
    const { task, attempt, at } = event;
    try {
      // Written out, as there is one for each task.
      this.journal.attemptSucceeded({
        task,
        attempt,
        at,
        startedAt: scheduler.table.startedAt[task]!,
        readyAt: scheduler.table.readyAt[task]!,
        workerId: outcomes.workerOf(task),
        usage: outcomes.usageOf(task),
        facts: outcomes.factsOf(task),
        output: outcomes.outputs[task],
      });
      return event;
    } catch (thrown) {
      const error = asError(thrown);
      const reason: FailureReason = (thrown as OrchestratorError).failureReason ?? { kind: "not-serialisable" };
      outcomes.outputs[event.task] = undefined;
      outcomes.errors.set(event.task, { error, reason });
      const failed = { ...event, type: "attempt-failed", retryable: false, random: 0 } as const;
      this.#recordFailure(failed);
      return failed;
    }
  }

  #recordFailure(event: AttemptEnd): void {
    const { scheduler, outcomes } = this.#run;
    const abortedFor = scheduler.abortedFor(event.task);
    const outcome =
      abortedFor === "timeout"
        ? "timed-out"
        : abortedFor === "cancelled"
          ? "cancelled"
          : event.type === "attempt-lost"
            ? "lost"
            : "failed";
    const told = outcome === "cancelled" ? undefined : outcomes.errors.get(event.task);
    this.journal.attemptFailed({
      ...this.#endOf(event),
      outcome,
      error: told?.error ?? new OrchestratorError("TASK_CANCELLED", "the attempt was cancelled"),
      reason: told?.reason ?? { kind: "cancelled", by: "caller" },
      retryable: "retryable" in event ? event.retryable : event.type === "attempt-lost",
      random: "random" in event ? event.random : 0,
    });
  }

  #endOf({ task, attempt, at }: AttemptEnd) {
    const { scheduler, outcomes } = this.#run;
    return {
      task,
      attempt,
      at,
      startedAt: scheduler.table.startedAt[task]!,
      readyAt: scheduler.table.readyAt[task]!,
      workerId: outcomes.workerOf(task),
      usage: outcomes.usageOf(task),
      facts: outcomes.factsOf(task),
    };
  }

  /** Records starts whose end is not in this batch or an earlier one. */
  #recordStarts(batch: readonly SchedulerEvent[]): void {
    if (this.#started.length === 0) return;
    const { table } = this.#run.scheduler;
    const ending = new Set<number>();
    for (const event of batch) if ("task" in event) ending.add(event.task);
    for (const { task, attempt, at, workerId } of this.#started) {
      if (ending.has(task) || isEnd(table.state[task]!) || table.attempts[task] !== attempt) continue;
      if (table.state[task] === TaskState.delayed || table.state[task] === TaskState.ready) continue;
      this.journal.attemptStarted({
        task,
        attempt,
        at,
        readyAt: table.readyAt[task]!,
        workerId,
      });
    }
    this.#started = [];
  }

  #fail(thrown: unknown, batch: readonly SchedulerEvent[]): void {
    const error = asError(thrown) as OrchestratorError;
    this.error = error;
    this.#failed = true;
    this.#started = [];
    const rest = this.#queue;
    this.#queue = [];
    this.#run.deliver({ type: "run-halted", at: this.#run.clock.now() });
    for (const event of [...batch, ...rest]) this.#run.deliver(event);
    this.#run.journalFailed(error);
  }
}

function isRecorded(event: SchedulerEvent): event is Recorded {
  switch (event.type) {
    case "attempt-succeeded":
    case "attempt-failed":
    case "attempt-lost":
    case "attempt-stopped":
    case "condition-decided":
      return true;
    default:
      return false;
  }
}
