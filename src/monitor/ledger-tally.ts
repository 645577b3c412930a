/** Counts one run into a ledger. */
import type { AttemptEndedEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { AttemptEndDetails, FunctionBatch, HeldAmounts, RunTally } from "../port/observer.js";
import type { Figures } from "./figures.js";
import type { Ledger, WatchedRun } from "./ledger.js";
import type { FiguresOverTime } from "./windows.js";

export class LedgerTally implements RunTally, WatchedRun {
  readonly run: WatchedRun["run"];
  ended = 0;
  running = 0;
  readonly #ledger: Ledger;
  /** By kind. */
  readonly #figures: FiguresOverTime[] = [];
  #generation = 0;

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
    const { entries, count, readyAt, startedAt, endedAt } = batch;
    const { slots } = this.#ledger;
    for (let place = 0; place < count; place++) {
      const entry = entries[place]!;
      if (entry < 0) {
        this.running++;
        slots.change(1, startedAt[~entry]!);
        continue;
      }
      const [start, end] = [startedAt[entry]!, endedAt[entry]!];
      this.running--;
      this.ended++;
      slots.change(-1, end);
      this.#figuresAt(batch.kindOf(entry), end).functionSucceeded(
        (end - start) / 1000,
        (start - readyAt[entry]!) / 1000,
      );
    }
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
