/** One execution of one graph, as callers see it. */
import type { AdditionCompiler, CompiledGraph } from "../core/compile.js";
import { isEnd } from "../core/task-table.js";
import { asError, InvalidGraphError, InvalidOptionError, OrchestratorError, type Problem } from "../model/error.js";
import type { RunEvent } from "../model/event.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { JournalSettings, ResumeReport } from "../port/journal.js";
import type { Observer } from "../port/observer.js";
import { openJournal, type RunnerEnforcement, type RunnerSet } from "./compose.js";
import type { ResolvedConfig } from "./config.js";
import { RunResults } from "./outcomes.js";
import { messageOf, RunCore } from "./run-core.js";
import { EventStream } from "./run-events.js";

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
  readonly journal: JournalSettings | undefined;
}

/** One execution of one graph. */
export class Run implements AsyncDisposable, AsyncIterable<RunEvent> {
  /** Unique among the runs of a journal. `RunOptions.runId`, or a random UUID. */
  readonly id: string;
  /** Name of the graph; `"tasks"` for a plain list. */
  readonly graphName: string;
  /** The tasks that it was made of, without those that tasks added. */
  readonly tasks: readonly Task[];
  /**
   * The results, when every task has ended. Never rejects for a task's failure; but with `InvalidGraphError` where options of
   * code in a sandbox are wrong, and with the journal's error where that cannot be opened, before anything has started.
   */
  readonly results: Promise<RunResults>;
  readonly #parts: RunParts;
  readonly #core: RunCore;
  #resumed: Promise<ResumeReport | undefined> | undefined;

  /** @internal */
  constructor(parts: RunParts) {
    const { graph } = parts;
    this.#parts = parts;
    this.id = parts.id;
    this.graphName = parts.graphName;
    this.tasks = graph.tasks;
    const settled = { resolve: (_results: RunResults): void => undefined, reject: (_error: Error): void => undefined };
    this.results = new Promise((resolve, reject) => {
      settled.resolve = resolve;
      settled.reject = reject;
    });
    const tell = (): void => settled.resolve(new RunResults(graph.numbers, this.#core.outcomes));
    const checked = parts.runners.check(graph.tasks);
    this.#core = new RunCore(
      {
        ...parts,
        plan: graph.plan,
        tasks: [...graph.tasks],
        numbers: graph.numbers,
        kinds: graph.kinds,
        open: false,
        held: parts.journal !== undefined || checked !== undefined,
      },
      {
        taskEnded: () => undefined,
        ended: () => {
          if (this.#core.gate === undefined) tell();
          else this.#core.gate.finish().then(tell, settled.reject);
        },
        crashed: (thrown) => {
          this.#core.gate?.journal.close();
          settled.reject(isDamage(thrown) ? thrown : engineFault(parts.id, thrown));
        },
      },
    );
    if (checked !== undefined) this.#resumed = this.#startChecked(checked, settled.reject);
    else if (parts.journal === undefined) queueMicrotask(() => this.#core.start());
    else this.#resumed = this.#open(parts.journal, settled.reject);
  }

  /** Starts when what only a runner's own module can tell has been looked at. */
  async #startChecked(
    checked: Promise<readonly Problem[]>,
    reject: (error: Error) => void,
  ): Promise<ResumeReport | undefined> {
    const { journal, clock } = this.#parts;
    try {
      const problems = await checked;
      if (problems.length > 0) throw new InvalidGraphError(problems);
      if (journal !== undefined) return await this.#open(journal, reject);
      clock.yield(() => this.#core.startHeld());
    } catch (error) {
      this.#core.abandon();
      reject(asError(error));
    }
    return undefined;
  }

  /** Opens the journal, and starts with what it says. */
  async #open(settings: JournalSettings, reject: (error: Error) => void): Promise<ResumeReport | undefined> {
    const { id, graphName, graph, clock } = this.#parts;
    const { dependencies, dependents } = graph.plan;
    try {
      const { JournalGate } = await import("./journal-gate.js");
      const journal = await openJournal({
        ...settings,
        runId: id,
        graphName,
        limits: this.#core.reporter.limits(),
        tasks: graph.tasks,
        dependencies,
        dependents,
        at: clock.now(),
      });
      // In a turn of its own: who waits for `resumed` hears of it before the first task starts.
      clock.yield(() => this.#core.startWith((run) => new JournalGate(run, journal)));
      return journal.resumed;
    } catch (error) {
      this.#core.abandon();
      reject(asError(error));
      return undefined;
    }
  }

  /**
   * What a resumed run takes over and what it runs again, before its first task starts; `undefined` for a run that is begun
   * anew, or whose journal could not be opened, which `results` then tells by rejecting.
   */
  get resumed(): Promise<ResumeReport | undefined> {
    return this.#resumed ?? Promise.resolve(undefined);
  }

  /** Why the journal of the run is not complete; `undefined` where it is, so far, or where there is none. */
  get journalError(): OrchestratorError | undefined {
    return this.#core.gate?.error;
  }

  /** What holds the limits of attempts, by the runners that are in use so far. */
  get enforcement(): readonly RunnerEnforcement[] {
    return this.#parts.runners.enforcement();
  }

  /**
   * Cancels what has not ended: waiting tasks end at once, running attempts are aborted, and `results` resolves when
   * nothing runs any more, with all that was done. `reason` is told in the results. Idempotent.
   */
  cancel(reason?: unknown): void {
    this.#core.cancel("caller", messageOf(reason));
  }

  /** @internal Cancels because the executor is being closed. */
  shutDown(): void {
    this.#core.cancel("shutdown", "the executor was closed");
  }

  /** Cancels one task; those that depend on it are skipped. Throws `RangeError` for an unknown id; does nothing to one that has ended. */
  cancelTask(taskId: string): void {
    this.#core.send({ type: "task-cancelled", at: this.#parts.clock.now(), task: this.#numberOf(taskId) });
  }

  /** The result of a task that has ended; `undefined` while it has not. Throws `RangeError` for an unknown id. */
  result(taskId: string): ExecutionResult | undefined {
    const { outcomes, scheduler } = this.#core;
    const task = this.#numberOf(taskId);
    return isEnd(scheduler.table.state[task]!) ? outcomes.result(task) : undefined;
  }

  #numberOf(taskId: string): number {
    const task = this.#parts.graph.numbers.get(taskId);
    if (task === undefined) throw new RangeError(`task "${taskId}" is not in this run`);
    return task;
  }

  /** Has `observer` told of all events from now on. */
  observe(observer: Observer): void {
    this.#core.reporter.add(observer);
  }

  /** Stops telling `observer`. */
  unobserve(observer: Observer): void {
    this.#core.reporter.remove(observer);
  }

  /** The events from now on: all of them where this is asked for before the run has started, which it does on the next microtask. */
  [Symbol.asyncIterator](): AsyncIterator<RunEvent, undefined> {
    const stream: EventStream = new EventStream(() => this.#core.reporter.remove(stream));
    if (this.#core.over) stream.close();
    else this.observe(stream);
    return stream;
  }

  /** Cancels the run if it has not ended, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel("the run was disposed of");
    await this.results.catch(() => undefined);
  }
}

/** Whether it is the journal that is at fault. */
function isDamage(thrown: unknown): thrown is OrchestratorError {
  return thrown instanceof OrchestratorError && thrown.code === "JOURNAL_DAMAGED";
}

export function engineFault(runId: string, thrown: unknown): OrchestratorError {
  const message = `run ${runId} was stopped by a fault of the engine, please report it: ${asError(thrown).message}`;
  return new OrchestratorError("INTERNAL", message, { cause: thrown });
}

/** What is run again of an earlier run. */
export interface RerunOptions {
  /** The tasks to run again, with all that depends on them. Default: every task that has not succeeded. */
  readonly taskIds?: readonly string[];
}

/**
 * Tasks that run again what did not succeed in an earlier run, with what did succeed as it was.
 *
 *     earlier run     a ok ---> b failed ---> c skipped      d ok
 *     rerun           a' ------> b -----------> c            (a' gives at once what a gave; d is not needed)
 *
 * What is run again: the tasks that were asked for, all that depends on them, however that had ended, and all that they
 * need and that did not succeed. What else they depend on is there as a task of the same id that ends as it had ended.
 *
 * @throws InvalidOptionError for an id that is not in the run's graph, and where everything has succeeded.
 */
export function tasksToRerun(run: Run, options: RerunOptions): Task[] {
  const tasks = new Map(run.tasks.map((task) => [task.id, task]));
  const unknown = (options.taskIds ?? []).filter((id) => !tasks.has(id));
  if (unknown.length > 0) throw invalid("taskIds", `no task of this graph: ${unknown.join(", ")}`);
  const wanted = options.taskIds ?? run.tasks.filter(({ id }) => unsuccessful(run, id)).map(({ id }) => id);
  if (wanted.length === 0)
    throw invalid("run", "everything in it has succeeded or still goes on: nothing to run again");
  const again = withDependents(run.tasks, withFailedNeeds(run, tasks, wanted));
  const needed = new Set<string>();
  for (const id of again) for (const other of needsOf(tasks.get(id)!)) if (!again.has(other)) needed.add(other);
  return run.tasks
    .filter(({ id }) => again.has(id) || needed.has(id))
    .map((task) => (again.has(task.id) ? task : asItEnded(run, task)));
}

function invalid(where: string, message: string): InvalidOptionError {
  return new InvalidOptionError([{ where: `rerun.${where}`, message }]);
}

function unsuccessful(run: Run, id: string): boolean {
  return run.result(id)?.success === false;
}

function needsOf({ dependsOn = [], inputs = {} }: Task): string[] {
  return [...dependsOn, ...Object.values(inputs)];
}

/** The tasks, and those before them without whose success they cannot run. */
function withFailedNeeds(run: Run, tasks: ReadonlyMap<string, Task>, ids: readonly string[]): Set<string> {
  const reached = new Set(ids);
  for (const id of reached) for (const need of needsOf(tasks.get(id)!)) if (unsuccessful(run, need)) reached.add(need);
  return reached;
}

function withDependents(tasks: readonly Task[], ids: ReadonlySet<string>): Set<string> {
  const dependents = new Map<string, string[]>();
  for (const task of tasks)
    for (const need of needsOf(task)) {
      const known = dependents.get(need);
      if (known === undefined) dependents.set(need, [task.id]);
      else known.push(task.id);
    }
  const reached = new Set(ids);
  for (const id of reached) for (const dependent of dependents.get(id) ?? []) reached.add(dependent);
  return reached;
}

/** A task that ends as this one did in the earlier run, when it has. */
function asItEnded(run: Run, { id, name }: Task): Task {
  const give = async (): Promise<unknown> => {
    const result = run.result(id) ?? (await endOf(run, id));
    if (result.success) return result.output;
    throw result.error;
  };
  return { id, ...(name !== undefined && { name }), run: give };
}

function endOf(run: Run, id: string): Promise<ExecutionResult> {
  return new Promise((resolve) => {
    const observer = {
      observe(event: RunEvent): void {
        if (event.type !== "task-ended" || event.taskId !== id) return;
        run.unobserve(observer);
        resolve(event.result);
      },
    };
    run.observe(observer);
  });
}
