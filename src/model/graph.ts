/**
 * The typed way to write a graph: adding a task gives a handle, and a task's inputs are typed by the handles that they
 * come from. A graph is only a list of tasks; it is validated and compiled when a run is made of it.
 */
import { describe } from "./check.js";
import type { TaskContext } from "./context.js";
import { InvalidOptionError, OrchestratorError } from "./error.js";
import type { ResourceSources, ResourceValues } from "./pool.js";
import type { ExecutionResult } from "./result.js";
import type { Task, TaskOptions } from "./task.js";
import type { Inputs, Work } from "./work.js";

declare const outputType: unique symbol;

/** A task of a graph, carrying the type of its output. */
export interface TaskHandle<out Output = unknown> {
  /** Id of the task. */
  readonly id: string;
  /** The graph that it is a task of. */
  readonly graph: TaskGraph;
  readonly [outputType]?: () => Output;
}

/** Inputs by name: handles stand for the outputs of their tasks, everything else for itself. */
export type InputMap = Readonly<Record<string, unknown>>;

/** What a task is given for an `InputMap`. */
export type InputValues<In extends InputMap> = {
  readonly [Name in keyof In]: In[Name] extends TaskHandle<infer Output> ? Output : In[Name];
};

/** An intersection as the one object that it is, so that the compiler's messages show names and types, and not how they were made. */
type Shown<T> = { readonly [Name in keyof T]: T[Name] } & {};

/** `TaskOptions`, with handles as well as ids in `dependsOn`. */
export interface GraphTaskOptions<Use extends ResourceSources = ResourceSources>
  extends Omit<TaskOptions, "dependsOn" | "use"> {
  /** Tasks that must have ended before, besides those that inputs come from. Default: none. */
  readonly dependsOn?: readonly (string | TaskHandle)[];
  /** Resources that the task's function is given as inputs of these names, typed by their pools. See `TaskOptions.use`. Default: none. */
  readonly use?: Use;
}

/** Options of `TaskGraph.forEach`. */
export interface ForEachOptions<Use extends ResourceSources = ResourceSources> extends GraphTaskOptions<Use> {
  /** Most items that run at once. Default: the executor's limits alone. */
  readonly concurrency?: number;
}

/** Options of `TaskGraph.loop`. */
export interface LoopOptions<Output> extends GraphTaskOptions {
  /** Asked after each iteration, with its output and its number from 0; `true` ends the loop. */
  readonly until: (output: Output, iteration: number) => boolean | PromiseLike<boolean>;
  /** The task fails (`LOOP_LIMIT`) when `until` has not been met after so many iterations; from 1. */
  readonly maxIterations: number;
}

/** Inputs of a `forEach`: a list, or the handle of a task that gives one, and constants beside it. */
export type ForEachInputMap = {
  readonly items: readonly unknown[] | TaskHandle<readonly unknown[]>;
};

/**
 * Work that takes these inputs. In their place there may be work, and options behind it: no such call comes here, but what the
 * compiler says of one whose options are wrong does, because it tells of the last overload alone.
 */
export type WorkAfter<In, Output, Use extends ResourceSources> =
  In extends Work<never, unknown>
    ? GraphTaskOptions<Use>
    : In extends InputMap
      ? Work<Shown<InputValues<In> & ResourceValues<NoInfer<Use>>>, Output>
      : never;

type ItemOf<In extends ForEachInputMap> = InputValues<In>["items"] extends readonly (infer Item)[] ? Item : never;
type ForEachInputs<In extends ForEachInputMap> = Omit<InputValues<In>, "items"> & {
  readonly item: ItemOf<In>;
  readonly index: number;
};
type LoopInputs<In extends InputMap> = Shown<
  InputValues<In> & { readonly iteration: number; readonly previous: unknown }
>;

/** Options that concern the attempts of each item or iteration, rather than the task as a whole. */
const attemptOptions = [
  "retries",
  "timeout",
  "resources",
  "sandbox",
  "affinity",
  "use",
  "expectedDuration",
  "cache",
] as const;

/**
 * A graph of tasks.
 *
 * @example
 * const graph = new TaskGraph("sales-report");
 * const rows = graph.task("load", () => [{ price: 4 }, { price: 1 }]);
 * const total = graph.task("total", { rows }, ({ rows }) => rows.reduce((sum, { price }) => sum + price, 0));
 * await using executor = new ParallelExecutor();
 * console.log((await executor.executeTasks(graph)).get(total).output); // prints 5
 */
export class TaskGraph {
  /** For people: in events, reports and on the live page. */
  readonly name: string;
  readonly #tasks: Task[] = [];

  /** @param name 1 to 200 characters, for people. Default `"graph"`. */
  constructor(name = "graph") {
    if (typeof name !== "string" || name.length === 0 || name.length > 200) {
      throw new InvalidOptionError([{ where: "TaskGraph.name", message: "takes a string of 1 to 200 characters" }]);
    }
    this.name = name;
  }

  /** The tasks so far, in the order in which they were added. */
  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /** Adds a task without inputs. */
  task<Output, Use extends ResourceSources = Record<never, never>>(
    id: string,
    work: Work<Shown<ResourceValues<NoInfer<Use>>>, Output>,
    options?: GraphTaskOptions<Use>,
  ): TaskHandle<Awaited<Output>>;
  /** Adds a task whose inputs are outputs of other tasks and constants. */
  task<const In extends InputMap | Work<never, unknown>, Output, Use extends ResourceSources = Record<never, never>>(
    id: string,
    inputs: In,
    work: WorkAfter<In, Output, Use>,
    options?: GraphTaskOptions<Use>,
  ): TaskHandle<Awaited<Output>>;
  task(id: string, ...rest: readonly unknown[]): TaskHandle {
    const [inputs, work, options] = isWork(rest[1]) ? [rest[0] as InputMap, rest[1], rest[2]] : [{}, rest[0], rest[1]];
    return this.#add(id, inputs, work as Task["run"], (options ?? {}) as GraphTaskOptions);
  }

  /**
   * Adds a task that runs `work` once for each element of `inputs.items`, with `item` and `index` among its inputs. Its
   * output is the array of their outputs, in order. Items are tasks of their own (`id[0]`, `id[1]`, ...), added when the
   * list is known; `retries`, `timeout`, `resources` and `sandbox` are each item's. If any fails, the task fails
   * (`CHILD_TASK_FAILED`) after all have ended.
   */
  forEach<const In extends ForEachInputMap, Output, Use extends ResourceSources = Record<never, never>>(
    id: string,
    inputs: In,
    work: Work<Shown<ForEachInputs<In> & ResourceValues<NoInfer<Use>>>, Output>,
    options: ForEachOptions<Use> = {},
  ): TaskHandle<Awaited<Output>[]> {
    const { concurrency, ...taskOptions } = options;
    checkForEach(id, inputs?.items, concurrency);
    const [own, each] = splitOptions(taskOptions);
    const run = async ({ items, ...constants }: Inputs, context: TaskContext): Promise<unknown[]> => {
      const list = asArray(id, items);
      const children = list.map((item, index) => ({
        ...each,
        id: `${id}[${index}]`,
        name: id,
        run: work as Task["run"],
        with: { ...constants, item, index },
      }));
      const spawned = context.spawn(children, concurrency === undefined ? {} : { concurrency });
      return outputsOf(id, await spawned.results());
    };
    return this.#addParent(id, inputs, run, own, ["forEach", work, each]) as TaskHandle<Awaited<Output>[]>;
  }

  /**
   * Adds a task that runs `work` again and again until `until` says so, with `iteration` (from 0) and `previous` (the
   * output before, `undefined` at first) among its inputs. Its output is the last one's. Iterations are tasks of their
   * own (`id#0`, `id#1`, ...).
   */
  loop<const In extends InputMap, Output>(
    id: string,
    inputs: In,
    work: Work<LoopInputs<In>, Output>,
    options: LoopOptions<Awaited<Output>>,
  ): TaskHandle<Awaited<Output>> {
    const { until, maxIterations, ...taskOptions } = options;
    checkLoop(id, until, maxIterations);
    const [own, each] = splitOptions(taskOptions);
    const run = async (constants: Inputs, context: TaskContext): Promise<unknown> => {
      let previous: unknown;
      for (let iteration = 0; iteration < maxIterations; iteration++) {
        const child = {
          ...each,
          id: `${id}#${iteration}`,
          name: id,
          run: work as Task["run"],
          with: { ...constants, iteration, previous },
        };
        [previous] = outputsOf(id, await context.spawn([child]).results());
        if (await until(previous as Awaited<Output>, iteration)) return previous;
      }
      const message = `loop "${id}" did not meet its condition in ${maxIterations} iterations; raise maxIterations or look at "until"`;
      throw new OrchestratorError("LOOP_LIMIT", message, {
        failureReason: { kind: "loop-limit", iterations: maxIterations },
      });
    };
    const parts = ["loop", work, each, until, maxIterations];
    return this.#addParent(id, inputs, run, own, parts) as TaskHandle<Awaited<Output>>;
  }

  /** Attempts are the children's: the parent has neither retries nor a timeout, whatever the executor's defaults are. */
  #addParent(
    id: string,
    inputs: InputMap,
    run: (inputs: Inputs, context: TaskContext) => Promise<unknown>,
    options: GraphTaskOptions,
    parts: readonly unknown[],
  ): TaskHandle {
    parentFunctions.set(run, parts);
    return this.#add(id, inputs, run, { ...options, retries: 0, timeout: Number.POSITIVE_INFINITY });
  }

  #add(id: string, inputMap: InputMap, run: Task["run"], options: GraphTaskOptions): TaskHandle {
    const inputs: Record<string, string> = {};
    const constants: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(inputMap)) {
      if (isHandle(value)) inputs[name] = this.#own(id, value);
      else constants[name] = value;
    }
    const { dependsOn, ...rest } = options;
    const task: { -readonly [Key in keyof Task]: Task[Key] } = { id, run, ...rest };
    if (dependsOn !== undefined)
      task.dependsOn = dependsOn.map((dependency) => (isHandle(dependency) ? this.#own(id, dependency) : dependency));
    if (Object.keys(inputs).length > 0) task.inputs = inputs;
    if (Object.keys(constants).length > 0) task.with = constants;
    this.#tasks.push(task);
    return Object.freeze({ id, graph: this });
  }

  #own(id: string, handle: TaskHandle): string {
    if (handle.graph === this) return handle.id;
    throw new InvalidOptionError([
      {
        where: `task ${id}`,
        message: `takes an input from task "${handle.id}" of another graph, "${handle.graph.name}"`,
      },
    ]);
  }
}

const parentFunctions = new WeakMap<object, readonly unknown[]>();

/** Whether a function is the engine's own parent of a `forEach` or a `loop`, which runs nothing of its caller's but their tasks. */
export function isParentFunction(run: unknown): boolean {
  return typeof run === "function" && parentFunctions.has(run);
}

/** What such a parent repeats, as a task of the parent's id; `undefined` for any other task. */
export function repeatedTask({ id, run }: Task): Task | undefined {
  const parts = typeof run === "function" ? parentFunctions.get(run) : undefined;
  return parts === undefined ? undefined : { ...(parts[2] as Partial<Task>), id, run: parts[1] as Task["run"] };
}

/** What such a parent was made of, which its own source does not tell. */
export function parentParts(run: object): readonly unknown[] | undefined {
  return parentFunctions.get(run);
}

/** Whether this is the handle of a task. */
export function isHandle(value: unknown): value is TaskHandle {
  return typeof value === "object" && value !== null && (value as { graph?: unknown }).graph instanceof TaskGraph;
}

function isWork(value: unknown): boolean {
  return (
    typeof value === "function" ||
    (typeof value === "object" && value !== null && typeof (value as { kind?: unknown }).kind === "string")
  );
}

function splitOptions(options: GraphTaskOptions): [GraphTaskOptions, Partial<Task>] {
  const own: Record<string, unknown> = { ...options };
  const each: Record<string, unknown> = {};
  for (const name of attemptOptions) {
    if (options[name] !== undefined) each[name] = options[name];
    delete own[name];
  }
  if (options.priority !== undefined) each.priority = options.priority;
  return [own, each];
}

function asArray(id: string, items: unknown): readonly unknown[] {
  if (Array.isArray(items)) return items;
  throw new TypeError(
    `forEach "${id}" takes an array as its input "items", got ${items === null ? "null" : typeof items}`,
  );
}

function outputsOf(id: string, results: ReadonlyMap<string, ExecutionResult>): unknown[] {
  const failed = [...results.values()].filter((result) => !result.success);
  if (failed.length === 0) return Array.from(results.values(), (result) => result.output);
  const [first] = failed;
  const message = `${failed.length} of ${results.size} tasks of "${id}" did not succeed; the first is "${first!.taskId}": ${first!.error!.message}`;
  const taskIds = failed.map((result) => result.taskId);
  throw new OrchestratorError("CHILD_TASK_FAILED", message, {
    cause: first!.error,
    failureReason: { kind: "child-failed", taskIds },
  });
}

function checkForEach(id: string, items: unknown, concurrency: unknown): void {
  const problems = [];
  if (!isHandle(items) && !Array.isArray(items))
    problems.push({
      where: `task ${id}`,
      message: `items: takes an array, or the handle of a task, got ${describe(items)}`,
    });
  if (concurrency !== undefined && (!Number.isInteger(concurrency) || (concurrency as number) < 1))
    problems.push({
      where: `task ${id}`,
      message: `concurrency: takes an integer from 1, got ${describe(concurrency)}`,
    });
  if (problems.length > 0) throw new InvalidOptionError(problems);
}

function checkLoop(id: string, until: unknown, maxIterations: unknown): void {
  const problems = [];
  if (typeof until !== "function")
    problems.push({ where: `task ${id}`, message: `until: takes a function, got ${describe(until)}` });
  if (!Number.isInteger(maxIterations) || (maxIterations as number) < 1)
    problems.push({
      where: `task ${id}`,
      message: `maxIterations: takes an integer from 1, got ${describe(maxIterations)}`,
    });
  if (problems.length > 0) throw new InvalidOptionError(problems);
}
