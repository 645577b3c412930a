/** Tasks that running tasks add, and the waits of those that wait for them. */
import type { AdditionCompiler } from "../core/compile.js";
import { emptyDemand } from "../core/limits.js";
import type { Demand, TaskDefinition } from "../core/plan.js";
import { Scheduler } from "../core/scheduler.js";
import { isEnd, TaskState } from "../core/task-table.js";
import type { SpawnedTasks, SpawnOptions } from "../model/context.js";
import { InvalidOptionError, OrchestratorError } from "../model/error.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { RunState } from "./run-state.js";

export class RunFamily {
  readonly #run: RunState;
  readonly #additions: AdditionCompiler;
  readonly #waits = new SpawnWaits();

  constructor(run: RunState, additions: AdditionCompiler) {
    this.#run = run;
    this.#additions = additions;
  }

  /** Adds tasks as children of a running one. @throws InvalidGraphError, with nothing added. */
  spawn(parent: number, tasks: readonly Task[], options: SpawnOptions): SpawnedTasks {
    const { scheduler, reporter } = this.#run;
    if (this.#run.open)
      throw new OrchestratorError(
        "UNSUPPORTED_MODE",
        "tasks of a stream cannot add tasks: put them into the stream, or make a run of a graph",
      );
    const { table } = scheduler;
    const numbers = table.numbersForNext(tasks.length);
    const group = this.#makeGroup(options);
    const definitions = this.#compile(parent, tasks, numbers, group);
    const base = table.remainingPath(parent);
    tasks.forEach((task, place) => {
      this.#run.tasks[numbers[place]!] = task;
      this.#run.numbers.set(task.id, numbers[place]!);
      this.#run.batches?.added(numbers[place]!, task);
    });
    const taskIds = tasks.map((task) => task.id);
    if (reporter.observed) reporter.tasksAdded(parent, tasks);
    const at = this.#run.clock.now();
    const pasts = this.#run.gate?.journal.tasksAdded(parent, table.attempts[parent]!, at, tasks);
    const isOver = (place: number): boolean => pasts?.[place]?.past.end !== undefined;
    this.#waits.whenEnded(pasts === undefined ? numbers : numbers.filter((_, place) => !isOver(place)), group.release);
    const placed = definitions.map((definition, place): TaskDefinition => {
      const remainingPath = base + definition.remainingPath;
      const past = pasts?.[place];
      if (past === undefined) return { ...definition, remainingPath };
      this.#run.outcomes.restore(numbers[place]!, past.told);
      // A task that has ended holds nothing.
      return { ...definition, remainingPath, past: past.past, ...(isOver(place) && { demand: emptyDemand }) };
    });
    // At once, so that the numbers are taken before another task adds some.
    this.#run.sendNow({ type: "tasks-added", at, parent, tasks: placed });
    if (pasts !== undefined && reporter.observed)
      for (const [place, number] of numbers.entries()) if (isOver(place)) reporter.taskRestored(number);
    return { taskIds, results: () => this.#results(parent, taskIds, numbers) };
  }

  /** The attempt is over: whatever still waits in it is told why. */
  abandon(parent: number, reason: Error): void {
    this.#waits.abandon(parent, reason);
  }

  /** A task has ended: those that wait for nothing else want to run on. */
  ended(task: number): void {
    if (this.#waits.empty) return;
    for (const parent of this.#waits.ended(task)) {
      if (this.#run.scheduler.table.state[parent] === TaskState.suspended) {
        this.#run.send({ type: "resume-requested", at: this.#run.clock.now(), task: parent });
      } else this.#waits.resume(parent);
    }
  }

  /** The scheduler lets a task run on. */
  resume(parent: number): void {
    if (this.#run.reporter.observed) this.#run.reporter.taskResumed(parent);
    this.#run.gate?.journal.taskWaits(parent, this.#run.clock.now(), false);
    this.#waits.resume(parent);
    // Something in it began to wait again while it was queued.
    if (this.#waits.isWaiting(parent)) this.#suspend(parent);
  }

  #compile(parent: number, tasks: readonly Task[], numbers: readonly number[], group: Group) {
    const { table } = this.#run.scheduler;
    try {
      return this.#additions.compile(
        tasks,
        numbers,
        {
          number: (id) => this.#run.numbers.get(id),
          mayDependOn: (other) => isEnd(table.state[other]!) || table.parents.get(other) === parent,
        },
        group.demand,
      );
    } catch (error) {
      group.release();
      throw error;
    }
  }

  /** A resource of its own holds a group's concurrency. */
  #makeGroup({ concurrency }: SpawnOptions): Group {
    const { scheduler } = this.#run;
    if (concurrency === undefined) return { demand: (demand) => demand, release: () => undefined };
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new InvalidOptionError([
        { where: "spawn.concurrency", message: `takes an integer from 1, got ${concurrency}` },
      ]);
    }
    const resource = scheduler.admission.addResource(concurrency);
    const grouped = new Map<Demand, Demand>();
    const demandOf = (demand: Demand): Demand => {
      const known = grouped.get(demand) ?? Scheduler.withResource(demand, resource);
      grouped.set(demand, known);
      return known;
    };
    return { demand: demandOf, release: () => scheduler.admission.removeResource(resource) };
  }

  async #results(
    parent: number,
    taskIds: readonly string[],
    numbers: readonly number[],
  ): Promise<ReadonlyMap<string, ExecutionResult>> {
    const { table } = this.#run.scheduler;
    const running = numbers.filter((task) => !isEnd(table.state[task]!));
    if (running.length > 0) {
      const state = table.state[parent]!;
      if (isEnd(state) || state === TaskState.aborting) {
        throw new OrchestratorError(
          "TASK_CANCELLED",
          `task "${this.#run.tasks[parent]!.id}" has ended and cannot wait for tasks that it added`,
        );
      }
      const waiting = this.#waits.wait(parent, running);
      this.#suspend(parent);
      await waiting;
    }
    return new Map(taskIds.map((id, place) => [id, this.#run.outcomes.result(numbers[place]!)]));
  }

  #suspend(parent: number): void {
    if (this.#run.reporter.observed) this.#run.reporter.taskSuspended(parent);
    this.#run.gate?.journal.taskWaits(parent, this.#run.clock.now(), true);
    // At once, so that a child that ends meanwhile finds its parent waiting.
    this.#run.sendNow({ type: "task-suspended", at: this.#run.clock.now(), task: parent });
  }
}

interface Group {
  readonly demand: (demand: Demand) => Demand;
  readonly release: () => void;
}

/**
 * Which running task waits for which tasks that it added. A task that waits is suspended, and runs on when all that it
 * waits for has ended: were it to run on at the first of several, it could hold the only slot while it waits for the rest.
 */
interface Wait {
  readonly remaining: Set<number>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export class SpawnWaits {
  readonly #waits = new Map<number, Wait[]>();
  readonly #waiters = new Map<number, Set<number>>();
  readonly #groups = new Map<number, { readonly remaining: Set<number>; readonly callback: () => void }>();

  /** Makes `parent` wait for `children`, none of which has ended. */
  wait(parent: number, children: Iterable<number>): Promise<void> {
    return new Promise((resolve, reject) => {
      const remaining = new Set(children);
      const waits = this.#waits.get(parent);
      if (waits === undefined) this.#waits.set(parent, [{ remaining, resolve, reject }]);
      else waits.push({ remaining, resolve, reject });
      for (const child of remaining) {
        const waiters = this.#waiters.get(child);
        if (waiters === undefined) this.#waiters.set(child, new Set([parent]));
        else waiters.add(parent);
      }
    });
  }

  isWaiting(parent: number): boolean {
    return this.#waits.has(parent);
  }

  /** Calls back when all of the tasks have ended. */
  whenEnded(children: readonly number[], callback: () => void): void {
    if (children.length === 0) {
      callback();
      return;
    }
    const group = { remaining: new Set(children), callback };
    for (const child of children) this.#groups.set(child, group);
  }

  /** A task has ended: gives the tasks that now wait for nothing. */
  ended(child: number): number[] {
    const group = this.#groups.get(child);
    if (group !== undefined) {
      this.#groups.delete(child);
      group.remaining.delete(child);
      if (group.remaining.size === 0) group.callback();
    }
    const waiters = this.#waiters.get(child);
    if (waiters === undefined) return [];
    this.#waiters.delete(child);
    const satisfied: number[] = [];
    for (const parent of waiters) {
      const waits = this.#waits.get(parent) ?? [];
      for (const wait of waits) wait.remaining.delete(child);
      if (waits.length > 0 && waits.every((wait) => wait.remaining.size === 0)) satisfied.push(parent);
    }
    return satisfied;
  }

  /** The task runs on: what it waited for and has ended is told to it. */
  resume(parent: number): void {
    const waits = this.#waits.get(parent) ?? [];
    const unsatisfied = waits.filter((wait) => wait.remaining.size > 0);
    if (unsatisfied.length > 0) this.#waits.set(parent, unsatisfied);
    else this.#waits.delete(parent);
    for (const wait of waits) if (wait.remaining.size === 0) wait.resolve();
  }

  /** The task's attempt is over: whatever still waits in it is told why. */
  abandon(parent: number, reason: Error): void {
    const waits = this.#waits.get(parent) ?? [];
    this.#waits.delete(parent);
    for (const wait of waits) wait.reject(reason);
  }

  get empty(): boolean {
    return this.#waiters.size === 0 && this.#groups.size === 0;
  }
}
