/**
 * Tells the observers that only count, without making an object for a task: what they are told is read from the
 * scheduler's columns. What a task holds is one shared object for each demand.
 */
import { describeAmounts, type NamedLimits } from "../core/limits.js";
import type { Demand } from "../core/plan.js";
import type { Scheduler } from "../core/scheduler.js";
import { TaskKinds } from "../core/task-kinds.js";
import { TaskState, type TaskTable } from "../core/task-table.js";
import type { AttemptEndedEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { AttemptEndDetails, FunctionBatch, HeldAmounts, RunTally } from "../port/observer.js";
import type { Outcomes } from "./outcomes.js";

export interface TallyParts {
  readonly tasks: readonly Task[];
  /** Where they have been read. */
  readonly kinds: TaskKinds | undefined;
  readonly scheduler: Scheduler;
  readonly outcomes: Outcomes;
  readonly limits: NamedLimits;
  readonly clock: Clock;
  /** Told what a tally threw. */
  readonly threw: (thrown: unknown) => void;
}

export class RunTallies {
  readonly #parts: TallyParts;
  readonly #tallies: RunTally[] = [];
  readonly #amounts = new WeakMap<Demand, { readonly held: HeldAmounts }>();
  /** Attempts that runners carry out and that have begun: functions begin when they are started. */
  readonly #begun = new Set<number>();
  readonly #suspended = new Set<number>();
  /** What attempts hold besides their slot: the scheduler has forgotten it when an added task's end is told. */
  readonly #held = new Map<number, HeldAmounts>();
  readonly #functions: FunctionLog;
  #atOnce = 0;
  #knownKinds: TaskKinds | undefined;

  constructor(parts: TallyParts) {
    this.#parts = parts;
    this.#knownKinds = parts.kinds;
    const { clock, scheduler, threw } = parts;
    this.#functions = new FunctionLog(clock.now(), scheduler.table, (task) => this.#kindOf(task), this.#tallies, threw);
  }

  get any(): boolean {
    return this.#tallies.length > 0;
  }

  add(tally: RunTally): void {
    this.flush();
    this.#tallies.push(tally);
  }

  /** Tells a tally that comes late what runs already. */
  catchUp(tally: RunTally): void {
    const { scheduler, outcomes } = this.#parts;
    if (scheduler.idle) return;
    const { state, startedAt, count } = scheduler.table;
    for (let task = 0; task < count; task++) {
      if (state[task] !== TaskState.running && state[task] !== TaskState.aborting) continue;
      if (!this.#isInline(task)) {
        if (!outcomes.hasBegun(task)) continue;
        this.#begun.add(task);
      }
      const held = this.#heldBy(task);
      if (!scheduler.holds(task)) this.#suspended.add(task);
      else {
        if (held !== undefined) this.#held.set(task, held);
        tally.took(held, outcomes.workerOf(task), startedAt[task]!);
      }
    }
  }

  functionStarted(task: number): void {
    const at = this.#parts.scheduler.table.startedAt[task]!;
    if (this.#isPlain(task)) this.#functions.start(at);
    else this.#took(task, "inline", at);
  }

  /** Tells the end of a task of the plan that succeeded, or gives false where there is more to tell than that. */
  functionSucceeded(task: number): boolean {
    const { scheduler, outcomes } = this.#parts;
    const { firstStartedAt } = scheduler.table;
    const again = firstStartedAt.size > 0 && firstStartedAt.has(task);
    if (again || outcomes.toldOf(task) || !this.#isInline(task) || !this.#isPlain(task)) return false;
    this.#functions.succeed(task);
    return true;
  }

  /** Hands over the functions that have been kept back. */
  flush(): void {
    this.#functions.flush();
  }

  tellAtOnce(atOnce: boolean): void {
    this.#atOnce += atOnce ? 1 : -1;
    this.#functions.tellAtOnce(this.#atOnce > 0);
  }

  attemptStarted(task: number, workerId: string, at: number): void {
    this.#begun.add(task);
    this.#took(task, workerId, at);
  }

  suspended(task: number, at: number): void {
    if (this.#suspended.has(task)) return;
    this.#gave(task, at);
    this.#suspended.add(task);
  }

  resumed(task: number, at: number): void {
    if (this.#suspended.delete(task)) this.#took(task, this.#parts.outcomes.workerOf(task), at);
  }

  attemptEnded(
    task: number,
    outcome: AttemptEndedEvent["outcome"],
    executionTime: number,
    at: number,
    details: AttemptEndDetails | undefined,
  ): void {
    this.#leave(task, at);
    const kind = this.#kindOf(task);
    this.flush();
    for (const tally of this.#tallies) {
      try {
        tally.attemptEnded(kind, outcome, executionTime, at, details);
      } catch (thrown) {
        this.#parts.threw(thrown);
      }
    }
  }

  taskEnded(task: number, status: TaskStatus, queuedTime: number, at: number): void {
    const kind = this.#kindOf(task);
    this.flush();
    for (const tally of this.#tallies) {
      try {
        tally.taskEnded(kind, status, queuedTime, at);
      } catch (thrown) {
        this.#parts.threw(thrown);
      }
    }
  }

  kindName(kind: number): string {
    return this.#kinds.numbers.name(kind);
  }

  runEnded(at: number): void {
    this.flush();
    for (const tally of this.#tallies) {
      try {
        tally.runEnded(at);
      } catch (thrown) {
        this.#parts.threw(thrown);
      }
    }
  }

  /** The attempt is over: what it still holds is given back. */
  #leave(task: number, at: number): void {
    const begun = this.#isInline(task) || this.#begun.delete(task);
    const suspended = this.#suspended.size > 0 && this.#suspended.delete(task);
    if (begun && !suspended) this.#gave(task, at);
  }

  #took(task: number, workerId: string, at: number): void {
    const held = this.#heldBy(task);
    if (held !== undefined) this.#held.set(task, held);
    this.flush();
    for (const tally of this.#tallies) {
      try {
        tally.took(held, workerId, at);
      } catch (thrown) {
        this.#parts.threw(thrown);
      }
    }
  }

  #gave(task: number, at: number): void {
    const held = this.#held.size === 0 ? undefined : this.#held.get(task);
    if (held !== undefined) this.#held.delete(task);
    const workerId = this.#parts.outcomes.workerOf(task);
    this.flush();
    for (const tally of this.#tallies) {
      try {
        tally.gave(held, workerId, at);
      } catch (thrown) {
        this.#parts.threw(thrown);
      }
    }
  }

  #kindOf(task: number): number {
    return this.#kinds.of(task, this.#parts.tasks);
  }

  get #kinds(): TaskKinds {
    this.#knownKinds ??= new TaskKinds(this.#parts.scheduler.table.planCount);
    return this.#knownKinds;
  }

  /** Whether a function holds nothing but its slot and waits for nothing, and its number is its own for the whole run. */
  #isPlain(task: number): boolean {
    const { table, admission } = this.#parts.scheduler;
    const holdsSlot = admission.plain || this.#heldBy(task) === undefined;
    return task < table.planCount && holdsSlot && this.#suspended.size === 0;
  }

  /** Whether attempts of the task begin when they are started, because nobody but this process carries them out. */
  #isInline(task: number): boolean {
    return !this.#parts.scheduler.table.policy(task).reportsStart;
  }

  #heldBy(task: number): HeldAmounts {
    const demand = this.#parts.scheduler.admission.demandOf(task);
    return demand.resources.length === 0 ? undefined : this.#describe(demand);
  }

  #describe(demand: Demand): HeldAmounts {
    let known = this.#amounts.get(demand);
    if (known === undefined) {
      const amounts = describeAmounts(this.#parts.limits, demand.resources, demand.amounts);
      known = { held: Object.keys(amounts).length === 0 ? undefined : amounts };
      this.#amounts.set(demand, known);
    }
    return known.held;
  }
}

/** Successes of a batch at most. */
const mostFunctions = 2048;

/**
 * Starts and successes of functions, kept back to be told together: starts as a few sums, successes as a number each.
 * Whoever counts reads the rest from the scheduler's columns in one loop, in which the processor fetches many rows at a
 * time, instead of one for each call.
 */
class FunctionLog implements FunctionBatch {
  succeeded = new Int32Array(0);
  count = 0;
  started = 0;
  readonly since: number;
  startedSum = 0;
  mostMore = 0;
  readonly kindOf: (task: number) => number;
  readonly #table: TaskTable;
  readonly #tallies: readonly RunTally[];
  readonly #threw: (thrown: unknown) => void;
  #most = mostFunctions;

  /** @param since a time near those of the run. */
  constructor(
    since: number,
    table: TaskTable,
    kindOf: (task: number) => number,
    tallies: readonly RunTally[],
    threw: (thrown: unknown) => void,
  ) {
    this.since = since;
    this.#table = table;
    this.kindOf = kindOf;
    this.#tallies = tallies;
    this.#threw = threw;
  }

  get readyAt(): readonly number[] {
    return this.#table.readyAt;
  }

  get startedAt(): readonly number[] {
    return this.#table.startedAt;
  }

  get endedAt(): readonly number[] {
    return this.#table.endedAt;
  }

  start(at: number): void {
    this.startedSum += at - this.since;
    const more = ++this.started - this.count;
    if (more > this.mostMore) this.mostMore = more;
    if (this.#most === 1) this.flush();
  }

  succeed(task: number): void {
    if (this.succeeded.length === 0) this.succeeded = new Int32Array(mostFunctions);
    this.succeeded[this.count++] = task;
    if (this.count >= this.#most) this.flush();
  }

  flush(): void {
    if (this.count === 0 && this.started === 0) return;
    for (const tally of this.#tallies) {
      try {
        tally.functions(this);
      } catch (thrown) {
        this.#threw(thrown);
      }
    }
    this.count = 0;
    this.started = 0;
    this.startedSum = 0;
    this.mostMore = 0;
  }

  tellAtOnce(atOnce: boolean): void {
    this.flush();
    this.#most = atOnce ? 1 : mostFunctions;
  }
}
