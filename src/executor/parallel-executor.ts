/** Runs graphs of tasks: the public face of the engine. */
import { AdditionCompiler, type CompileSettings, compileGraph } from "../core/compile.js";
import { describe } from "../model/check.js";
import { InvalidOptionError, OrchestratorError } from "../model/error.js";
import { TaskGraph } from "../model/graph.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock, World } from "../port/clock.js";
import { RunnerSet } from "./compose.js";
import {
  checkRunOptions,
  checkStreamOptions,
  type ExecutionConfig,
  type ExecutorFeatures,
  inParallel,
  plainFeatures,
  type ResolvedConfig,
  type RunOptions,
  resolveConfig,
  type StreamOptions,
  systemClock,
} from "./config.js";
import type { RunResults } from "./outcomes.js";
import { type RerunOptions, Run, tasksToRerun } from "./run.js";
import type { StreamParts, TaskStream } from "./task-stream.js";

/**
 * Executes graphs of tasks: in dependency order, as many at once as the limits allow.
 *
 * Limits hold for each run. Worker threads and processes are shared by the runs of an executor, kept warm between them,
 * and do not keep this process alive; `close` (or `await using`) ends them.
 *
 * @example
 * await using executor = new ParallelExecutor({ maxConcurrentTasks: 20, taskTimeout: "5m" });
 * const results = await executor.executeTasks([
 *   { id: "load", run: () => ["tea", "milk"] },
 *   { id: "count", inputs: { rows: "load" }, run: ({ rows }) => rows.length },
 * ]);
 * console.log(results.get("count")?.output); // prints 2
 */
export class ParallelExecutor implements AsyncDisposable {
  readonly #config: ResolvedConfig;
  readonly #runners: RunnerSet;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #runs = new Set<Run>();
  readonly #streams = new Set<TaskStream>();
  readonly #watchers = new Set<(run: Run) => void>();
  #closed = false;

  /** @throws InvalidOptionError with everything that is wrong with the configuration. */
  constructor(config?: ExecutionConfig, world?: World);
  /** @internal */
  constructor(config: ExecutionConfig, world: World, features: ExecutorFeatures);
  constructor(config: ExecutionConfig = {}, world: World = {}, features: ExecutorFeatures = plainFeatures) {
    this.#config = resolveConfig(config, features);
    this.#clock = world.clock ?? systemClock;
    this.#runners = new RunnerSet(this.#config, this.#clock);
    this.#random = world.random ?? Math.random;
  }

  /**
   * Starts a run, on the next microtask. Everything that is wrong with the graph or the options is thrown at once, before
   * anything starts.
   *
   * @example
   * await using executor = new ParallelExecutor();
   * await using run = executor.run([{ id: "load", run: () => "rows" }]);
   * for await (const event of run) if (event.type === "task-ended") console.log(event.taskId, event.status); // prints load succeeded
   * const results = await run.results;
   *
   * @throws InvalidGraphError, InvalidOptionError; OrchestratorError `EXECUTOR_CLOSED`.
   */
  run(graph: TaskGraph | readonly Task[], options: RunOptions = {}): Run {
    return this.#start(graph, options, this.#config);
  }

  #start(graph: TaskGraph | readonly Task[], options: RunOptions, config: ResolvedConfig, graphName = "tasks"): Run {
    if (this.#closed) throw closedError();
    const journal = checkRunOptions(options);
    const tasks = graph instanceof TaskGraph ? graph.tasks : graph;
    if (!Array.isArray(tasks))
      throw new InvalidOptionError([
        { where: "tasks", message: `takes an array of tasks or a TaskGraph, got ${describe(tasks)}` },
      ]);
    const settings = this.#settingsOf(config);
    const compiled = compileGraph(tasks, settings);
    this.#runners.prestart(tasks);
    const run = new Run({
      id: options.runId ?? crypto.randomUUID(),
      graphName: graph instanceof TaskGraph ? graph.name : graphName,
      graph: compiled,
      additions: new AdditionCompiler(settings, compiled.pools),
      config,
      runners: this.#runners,
      clock: this.#clock,
      random: this.#random,
      signals: [config.signal, options.signal].filter((signal) => signal !== undefined),
      journal,
    });
    this.#runs.add(run);
    const forget = (): void => void this.#runs.delete(run);
    run.results.then(forget, forget);
    for (const watcher of this.#watchers) watcher(run);
    return run;
  }

  /**
   * Runs again, as a new run, what did not succeed in an earlier one (or the tasks that are named), with all that depends
   * on it. What had succeeded is not run again: its output is what it was. The earlier run may still go on.
   *
   * @throws InvalidOptionError where everything has succeeded, or for an unknown task.
   */
  rerun(run: Run, options: RerunOptions & RunOptions = {}): Run {
    const { taskIds, ...runOptions } = options;
    const tasks = tasksToRerun(run, taskIds === undefined ? {} : { taskIds });
    return this.#start(tasks, runOptions, this.#config, run.graphName);
  }

  /** Calls back with each run before it starts, the first included that is made after this. The function that it gives ends that. */
  onRun(callback: (run: Run) => void): () => void {
    this.#watchers.add(callback);
    return () => void this.#watchers.delete(callback);
  }

  /** Runs the tasks as `config.mode` says and gives their results when all have ended. Rejects only for bad input. */
  async executeTasks(graph: TaskGraph | readonly Task[], options?: RunOptions): Promise<RunResults> {
    return this.run(graph, options).results;
  }

  /** Runs the tasks in parallel, whatever `config.mode` says: as many at once as `maxConcurrentTasks` and the other limits allow. */
  async executeTasksParallel(graph: TaskGraph | readonly Task[], options: RunOptions = {}): Promise<RunResults> {
    return this.#start(graph, options, inParallel(this.#config)).results;
  }

  /**
   * Runs tasks as they come, and gives their results as they end, in memory that does not grow with their number. A task
   * may depend on those before it that are in the stream or among the last that ended. One that cannot run gives a
   * failed result with an `InvalidGraphError`, and the others go on.
   *
   * Not for tasks that add tasks: a stream's memory is bounded, and what they would add is not.
   *
   * @example
   * await using executor = new ParallelExecutor();
   * const tasks = [1, 2, 3].map((n) => ({ id: `square-${n}`, run: () => n * n }));
   * let sum = 0;
   * for await (const result of executor.stream(tasks)) if (result.success) sum += Number(result.output);
   * console.log(sum); // prints 14
   */
  stream(
    tasks: AsyncIterable<Task> | Iterable<Task>,
    options: StreamOptions = {},
  ): AsyncGenerator<ExecutionResult, undefined, undefined> {
    if (this.#closed) throw closedError();
    return this.#results({
      id: crypto.randomUUID(),
      source: tasks,
      ...checkStreamOptions(options, this.#config.limits.slots),
      additions: new AdditionCompiler(this.#settingsOf(this.#config)),
      config: this.#config,
      runners: this.#runners,
      clock: this.#clock,
      random: this.#random,
      signals: [this.#config.signal, options.signal].filter((signal) => signal !== undefined),
    });
  }

  #settingsOf({ limits, defaults, observers, features }: ResolvedConfig): CompileSettings {
    const { caching } = features;
    const readKinds = observers.some((observer) => observer.tally !== undefined);
    return { limits, defaults, caching, refuse: (kind) => this.#runners.refuse(kind), readKinds };
  }

  async *#results(parts: StreamParts): AsyncGenerator<ExecutionResult, undefined, undefined> {
    const { TaskStream } = await import("./task-stream.js");
    if (this.#closed) throw closedError();
    const stream = new TaskStream(parts);
    this.#streams.add(stream);
    try {
      yield* stream.results();
    } finally {
      this.#streams.delete(stream);
    }
  }

  /** Cancels runs that go on, waits for their end, and ends every worker. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const run of [...this.#runs, ...this.#streams]) run.shutDown();
    await Promise.allSettled([...this.#runs].map((run) => run.results));
    await this.#runners.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function closedError(): OrchestratorError {
  return new OrchestratorError("EXECUTOR_CLOSED", "the executor was closed and runs nothing more; make a new one");
}
