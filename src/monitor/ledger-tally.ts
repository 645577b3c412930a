/** Counts one run into a ledger. */
import type { AttemptEndedEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { AttemptEndDetails, FunctionBatch, HeldAmounts, RunTally } from "../port/observer.js";
import { DurationColumn } from "./distribution.js";
import type { Figures } from "./figures.js";
import type { Ledger, WatchedRun } from "./ledger.js";
import type { FiguresOverTime } from "./windows.js";

/** At least as long as the longest batch that was told. */
let executed = new DurationColumn(0);
let queued = new DurationColumn(0);

export class LedgerTally implements RunTally, WatchedRun {
  readonly run: WatchedRun["run"];
  ended = 0;
  running = 0;
  readonly #ledger: Ledger;
  /** By kind. */
  readonly #figures: FiguresOverTime[] = [];
  #generation = 0;
  /** Of the batch that is counted. */
  #endedSum = 0;

  constructor(ledger: Ledger, run: WatchedRun["run"]) {
    this.#ledger = ledger;
    this.run = run;
    ledger.open(this);
  }

  took(held: HeldAmounts, workerId: string, at: number): void {
    this.running++;
    this.#ledger.slots.change(1, at);
    if (held !== undefined) this.#change(held, 1, at);
    if (workerId !== "inline") this.#ledger.pool(kindOf(workerId)).took(workerId, at);
  }

  gave(held: HeldAmounts, workerId: string, at: number): void {
    this.running--;
    this.#ledger.slots.change(-1, at);
    if (held !== undefined) this.#change(held, -1, at);
    if (workerId !== "inline") this.#ledger.pool(kindOf(workerId)).use.change(-1, at);
  }

  attemptEnded(
    kind: number,
    outcome: AttemptEndedEvent["outcome"],
    executionTime: number,
    at: number,
    details: AttemptEndDetails | undefined,
  ): void {
    this.#figuresAt(kind, at).attemptEnded(outcome, executionTime, details);
  }

  taskEnded(kind: number, status: TaskStatus, queuedTime: number, at: number): void {
    this.ended++;
    this.#figuresAt(kind, at).taskEnded(status, queuedTime);
  }

  functions(batch: FunctionBatch): void {
    const { count, started, startedSum, since, mostMore } = batch;
    this.#endedSum = 0;
    if (executed.values.length < count) {
      executed = new DurationColumn(batch.succeeded.length);
      queued = new DurationColumn(batch.succeeded.length);
    }
    for (let place = 0; place < count; ) place = this.#countAlike(batch, place);
    this.#ledger.slots.changeAll(started - count, mostMore, startedSum - this.#endedSum, since);
    this.running += started - count;
    this.ended += count;
  }

  /**
   * Counts what comes from `from` on as long as it is of one kind and in one stretch of time; gives where that ends. What it
   * finds is recorded by the column: numbers that are handed from call to call would each be put into an object.
   */
  #countAlike(batch: FunctionBatch, from: number): number {
    const { succeeded, count, since, readyAt, startedAt, endedAt } = batch;
    const ledger = this.#ledger;
    const { time } = ledger;
    const executionTimes = executed.values;
    const queuedTimes = queued.values;
    const kind = batch.kindOf(succeeded[from]!);
    const figures = this.#figuresAt(kind, endedAt[succeeded[from]!]!);
    let endedSum = 0;
    let place = from;
    for (; place < count; place++) {
      const task = succeeded[place]!;
      const end = endedAt[task]!;
      if (batch.kindOf(task) !== kind || end >= time.until) break;
      const start = startedAt[task]!;
      executionTimes[place - from] = (end - start) / 1000;
      queuedTimes[place - from] = (start - readyAt[task]!) / 1000;
      endedSum += end - since;
    }
    this.#endedSum += endedSum;
    ledger.reach(endedAt[succeeded[place - 1]!]!);
    figures.functionsSucceeded(executed, queued, place - from);
    return place;
  }

  runEnded(at: number): void {
    this.#ledger.close(this, at);
  }

  #figuresAt(kind: number, at: number): Figures {
    const ledger = this.#ledger;
    ledger.reach(at);
    if (ledger.generation !== this.#generation) {
      this.#generation = ledger.generation;
      this.#figures.length = 0;
    }
    return (this.#figures[kind] ?? this.#addKind(kind)).present;
  }

  #addKind(kind: number): FiguresOverTime {
    const figures = this.#ledger.figuresOf(this.run.kindName(kind));
    this.#figures[kind] = figures;
    return figures;
  }

  #change(held: NonNullable<HeldAmounts>, sign: 1 | -1, at: number): void {
    for (const [name, amount] of Object.entries(held)) this.#ledger.meter(name).change(sign * amount, at);
  }
}

/** `thread` of `thread-2`. */
function kindOf(workerId: string): string {
  const dash = workerId.lastIndexOf("-");
  return dash > 0 ? workerId.slice(0, dash) : workerId;
}
