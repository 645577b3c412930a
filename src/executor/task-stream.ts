/**
 * Runs tasks as they come from an iterable, and gives results as they end, in bounded memory whatever their number: a
 * task that has ended is forgotten when its result has been taken and nothing that waits can still ask for it, and its
 * place is given to another. No more than `window` tasks are in the stream at once, results that nobody has taken
 * included; the iterable is not asked for more until there is room.
 */

import { type AdditionCompiler, compileGraph } from "../core/compile.js";
import { isEnd } from "../core/task-table.js";
import { asError, InvalidGraphError } from "../model/error.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { RunnerSet } from "./compose.js";
import type { ResolvedConfig } from "./config.js";
import { engineFault } from "./run.js";
import { messageOf, RunCore } from "./run-core.js";
import { TaskQueue } from "./task-queue.js";

/** What a stream is made of. */
export interface StreamParts {
  readonly id: string;
  readonly source: AsyncIterable<Task> | Iterable<Task>;
  /** Most tasks in the stream at once. */
  readonly window: number;
  /** How many of the tasks that ended last can still be depended on. */
  readonly remember: number;
  readonly additions: AdditionCompiler;
  readonly config: ResolvedConfig;
  readonly runners: RunnerSet;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: readonly AbortSignal[];
}

/** Numbers by id of the tasks that are in the stream or remembered. */
class LiveNumbers {
  readonly #numbers = new Map<string, number>();

  get(id: string): number | undefined {
    return this.#numbers.get(id);
  }

  set(id: string, number: number): void {
    this.#numbers.set(id, number);
  }

  delete(id: string): void {
    this.#numbers.delete(id);
  }
}

export class TaskStream {
  readonly #parts: StreamParts;
  readonly #core: RunCore;
  readonly #numbers = new LiveNumbers();
  /** One token for each place in the window. */
  readonly #places: TaskQueue<true>;
  readonly #results: TaskQueue<ExecutionResult>;
  readonly #remember: number;
  /** Ended tasks in the order of their ends, to be forgotten from the front. */
  readonly #remembered: number[] = [];
  /** How many tasks that have not ended depend on a task. */
  readonly #dependents = new Map<number, number>();
  #failure: Error | undefined;
  #stopped = false;

  constructor(parts: StreamParts) {
    const { config, window, remember } = parts;
    this.#remember = remember;
    this.#parts = parts;
    this.#places = new TaskQueue({ capacity: window });
    for (let place = 0; place < window; place++) this.#places.tryPush(true);
    this.#results = new TaskQueue({ capacity: window });
    const { plan } = compileGraph([], { limits: config.limits, defaults: config.defaults });
    this.#core = new RunCore(
      { ...parts, graphName: "stream", plan, tasks: [], numbers: this.#numbers, kinds: undefined, open: true },
      {
        taskEnded: (task) => this.#taskEnded(task),
        ended: () => this.#results.close(),
        crashed: (thrown) => this.#fail(engineFault(parts.id, thrown)),
      },
    );
  }

  /** Results in the order of their ends. Leaving the loop early cancels the rest and waits for what runs. */
  async *results(): AsyncGenerator<ExecutionResult, undefined, undefined> {
    this.#core.start();
    const feeding = this.#feed();
    try {
      for (let next = await this.#results.take(); !next.done; next = await this.#results.take()) {
        yield next.value;
        this.#places.tryPush(true);
      }
    } finally {
      await this.#stop(feeding);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** @internal Cancels because the executor is being closed. */
  shutDown(): void {
    this.#stopped = true;
    this.#core.cancel("shutdown", "the executor was closed");
  }

  async #feed(): Promise<void> {
    try {
      for await (const task of this.#parts.source) {
        await this.#places.take();
        if (this.#stopped || this.#core.over || this.#parts.signals.some((signal) => signal.aborted)) break;
        this.#add(task);
      }
    } catch (thrown) {
      this.#failure = asError(thrown);
      this.#core.cancel("caller", `the stream's source failed: ${messageOf(thrown)}`);
    }
    this.#core.send({ type: "input-closed", at: this.#core.clock.now() });
  }

  async #stop(feeding: Promise<void>): Promise<void> {
    this.#stopped = true;
    if (!this.#core.over) this.#core.cancel("caller", "the stream was left");
    // The feeder may wait for a place, and results for whoever takes them.
    this.#places.tryPush(true);
    for (let next = await this.#results.take(); !next.done; next = await this.#results.take())
      this.#places.tryPush(true);
    await feeding;
  }

  /** Adds a task, or gives a failure for one that cannot run; the others go on. */
  #add(task: Task): void {
    const { table } = this.#core.scheduler;
    const numbers = table.numbersForNext(1);
    const number = numbers[0]!;
    try {
      const known = { number: (id: string) => this.#numbers.get(id), mayDependOn: () => true };
      const definitions = this.#parts.additions.compile([task], numbers, known, (demand) => demand);
      this.#core.tasks[number] = task;
      this.#numbers.set(task.id, number);
      this.#core.batches?.added(number, task);
      for (const dependency of definitions[0]!.dependencies)
        this.#dependents.set(dependency, (this.#dependents.get(dependency) ?? 0) + 1);
      this.#core.sendNow({ type: "tasks-added", at: this.#core.clock.now(), parent: -1, tasks: definitions });
    } catch (thrown) {
      if (!(thrown instanceof InvalidGraphError)) throw thrown;
      this.#results.tryPush(refused(task, thrown, this.#core.clock.now()));
    }
  }

  #taskEnded(task: number): void {
    const { table } = this.#core.scheduler;
    this.#results.tryPush(this.#core.outcomes.result(task));
    for (const dependency of table.dependenciesOf(task)) {
      const left = this.#dependents.get(dependency)! - 1;
      if (left === 0) this.#dependents.delete(dependency);
      else this.#dependents.set(dependency, left);
    }
    this.#remembered.push(task);
    // Forgotten after the event that ended it has been carried out to its end.
    if (this.#remembered.length > this.#remember) queueMicrotask(() => this.#forget());
  }

  #forget(): void {
    const { table } = this.#core.scheduler;
    while (this.#remembered.length > this.#remember) {
      const task = this.#remembered[0]!;
      if (!isEnd(table.state[task]!) || this.#dependents.has(task)) return;
      this.#remembered.shift();
      this.#numbers.delete(this.#core.tasks[task]!.id);
      this.#core.outcomes.forget(task);
      table.retire(task);
    }
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#results.close();
  }
}

function refused(task: Task, error: InvalidGraphError, at: number): ExecutionResult {
  const taskId = typeof task?.id === "string" ? task.id : "";
  return {
    taskId,
    success: false,
    status: "failed",
    error,
    reason: { kind: "error" },
    attempts: 0,
    queuedTime: 0,
    executionTime: 0,
    endedAt: at,
  };
}
