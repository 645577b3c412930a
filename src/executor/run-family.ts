/** Tasks that running tasks add, and the waits of those that wait for them. */
import type { AdditionCompiler } from "../core/compile-additions.js";
import { type Demand, emptyDemand, type TaskDefinition } from "../core/plan.js";
import { Scheduler } from "../core/scheduler.js";
import { isEnd, TaskState } from "../core/task-state.js";
import type { SpawnedTasks, SpawnOptions } from "../model/context.js";
import { InvalidOptionError, OrchestratorError } from "../model/error.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { RunState } from "./run-state.js";
import { SpawnWaits } from "./spawned.js";

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
