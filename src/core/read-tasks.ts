/**
 * Reads the tasks of a graph: their dependencies into compressed sparse rows, in one pass, in which each task is given its
 * number (a dependency mostly comes before its dependents, where its place in the index is still warm; one that comes
 * later is looked up at the end); their options into columns, each made only where some task has the option.
 */
import type { BatchHandler } from "../model/batch.js";
import { describeId, nearestName, type ProblemList } from "../model/check.js";
import { repeatedTask } from "../model/graph.js";
import type { Task } from "../model/task.js";
import { askedOnly, isHandedOver } from "./cache-option.js";
import type { CompileSettings } from "./compile.js";
import { DemandReader, PoolResources } from "./limits.js";
import type { Adjacency, Demand } from "./plan.js";
import type { Policy } from "./policy.js";
import { hashOf, TaskIndex } from "./task-index.js";
import type { TaskKinds } from "./task-kinds.js";
import { checkTask, PolicyReader, readDurationMs } from "./task-options.js";

export class DependencyReader {
  readonly numbers: TaskIndex;
  readonly #problems: ProblemList;
  readonly #offsets: Int32Array;
  #targets: Int32Array;
  #edges = 0;
  /** Edges whose dependency had no number yet, and its id. */
  readonly #later: { readonly edge: number; readonly task: number; readonly id: string }[] = [];

  constructor(count: number, problems: ProblemList) {
    this.numbers = new TaskIndex(count);
    this.#problems = problems;
    this.#offsets = new Int32Array(count + 1);
    this.#targets = new Int32Array(Math.max(16, count * 3));
  }

  /**
   * Tasks are to be read in order of their numbers.
   *
   * @param kinds where the task's kind is to be read too, which goes over its id anyway.
   */
  read(number: number, task: Task, kinds: TaskKinds | undefined): void {
    if (typeof task === "object" && task !== null) {
      const { dependsOn, inputs } = task;
      if (Array.isArray(dependsOn)) this.#addAll(number, dependsOn);
      if (typeof inputs === "object" && inputs !== null) this.#addAll(number, Object.values(inputs));
    }
    this.#offsets[number + 1] = this.#edges;
    const id = task?.id;
    // What is no string is told of by the check of its options; here it needs a number of its own all the same.
    if (typeof id !== "string") this.numbers.add(`\0${number}`);
    else if (this.numbers.add(id, kinds === undefined ? hashOf(id) : kinds.read(number, task)) >= 0) {
      this.numbers.add(`\0${number}`);
      this.#problems.add(`task ${describeId(id)}`, "has the same id as another task of the graph; ids are unique");
    }
  }

  #addAll(task: number, ids: readonly string[]): void {
    if (this.#edges + ids.length > this.#targets.length) this.#grow(ids.length);
    const unknown = this.numbers.readNumbers(ids, this.#targets, this.#edges);
    if (unknown > 0) {
      ids.forEach((id, index) => {
        const edge = this.#edges + index;
        if (this.#targets[edge]! < 0) this.#later.push({ edge, task, id });
      });
    }
    this.#edges += ids.length;
  }

  /** Whether every dependency came before its dependents, so that the order of the tasks is a topological one. */
  get ordered(): boolean {
    return this.#later.length === 0;
  }

  /** The rows. Reports dependencies on tasks that are not there, and leaves them out, so that cycles can be told too. */
  finish(tasks: readonly Task[]): Adjacency {
    let unknown = false;
    for (const { edge, task, id } of this.#later) {
      const target = this.numbers.numberOf(id);
      this.#targets[edge] = target;
      if (target >= 0) continue;
      unknown = true;
      this.#reportUnknown(tasks[task]!, id);
    }
    const targets = this.#targets.subarray(0, this.#edges);
    return unknown ? withoutUnknown(this.#offsets, targets) : { offsets: this.#offsets, targets };
  }

  #grow(by: number): void {
    const larger = new Int32Array(this.#targets.length * 2 + by);
    larger.set(this.#targets);
    this.#targets = larger;
  }

  #reportUnknown(task: Task, id: string): void {
    const nearest = this.#problems.full || typeof id !== "string" ? undefined : nearestName(id, this.numbers.keys());
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    this.#problems.add(
      `task ${describeId(task.id)}`,
      `depends on "${describeId(id)}", which is not in the graph${hint}`,
    );
  }
}

function withoutUnknown(offsets: Int32Array, targets: Int32Array): Adjacency {
  const kept = new Int32Array(offsets.length);
  for (let task = 0; task + 1 < offsets.length; task++) {
    const known = targets.subarray(offsets[task]!, offsets[task + 1]!).filter((target) => target >= 0);
    kept[task + 1] = kept[task]! + known.length;
  }
  return { offsets: kept, targets: targets.filter((target) => target >= 0) };
}

export class OptionReader {
  priority: Int32Array | undefined;
  policyOf: Int32Array | undefined;
  demandOf: Int32Array | undefined;
  readonly pools: PoolResources;
  readonly #count: number;
  readonly #settings: CompileSettings;
  readonly #problems: ProblemList;
  readonly #policies: PolicyReader;
  readonly #demands: DemandReader;
  readonly #batches = new BatchKeys();
  /** Milliseconds, -1 where unknown. */
  #durations: Float64Array | undefined;

  constructor(count: number, settings: CompileSettings, problems: ProblemList) {
    this.#count = count;
    this.#settings = settings;
    this.#problems = problems;
    this.pools = new PoolResources(settings.limits.names.length);
    this.#policies = new PolicyReader(settings.defaults, settings.caching);
    this.#demands = new DemandReader(settings.limits, this.pools);
  }

  get policies(): readonly Policy[] {
    return this.#policies.policies;
  }

  get demands(): readonly Demand[] {
    return this.#demands.demands;
  }

  /** Expected durations in milliseconds, or `undefined` where none is known. One unknown among them is taken to be their mean. */
  get weight(): Float64Array | undefined {
    return this.#durations === undefined ? undefined : fillUnknown(this.#durations);
  }

  read(number: number, task: Task): void {
    const simple = checkTask(task, number, this.#settings.refuse, this.#problems);
    if (simple && !isHandedOver(task, this.#settings.caching ?? askedOnly)) return;
    if (typeof task !== "object" || task === null) return;
    const report = (message: string): void => this.#problems.add(`task ${describeId(task.id)}`, message);
    const repeated = repeatedTask(task);
    if (repeated !== undefined) this.#checkRepeated(number, repeated, report);
    this.#batches.read(task, report);
    if (task.priority !== undefined && task.priority !== 0) {
      this.priority ??= new Int32Array(this.#count);
      this.priority[number] = task.priority;
    }
    const durationMs = readDurationMs("expectedDuration", task.expectedDuration, report);
    if (durationMs !== undefined) {
      this.#durations ??= new Float64Array(this.#count).fill(-1);
      this.#durations[number] = durationMs;
    }
    const policy = this.#policies.read(task, report);
    if (policy !== 0) {
      this.policyOf ??= new Int32Array(this.#count);
      this.policyOf[number] = policy;
    }
    const demand = task.resources === undefined && task.use === undefined ? 0 : this.#demands.read(task, report);
    if (demand !== 0) {
      this.demandOf ??= new Int32Array(this.#count);
      this.demandOf[number] = demand;
    }
  }

  /** What is wrong with every item or iteration is told before the first is made. */
  #checkRepeated(number: number, task: Task, report: (message: string) => void): void {
    checkTask(task, number, this.#settings.refuse, this.#problems);
    this.#policies.read(task, report);
    if (task.resources !== undefined || task.use !== undefined) this.#demands.read(task, report);
    readDurationMs("expectedDuration", task.expectedDuration, report);
  }
}

function fillUnknown(durations: Float64Array): Float64Array {
  let sum = 0;
  let known = 0;
  for (const duration of durations) {
    if (duration < 0) continue;
    sum += duration;
    known++;
  }
  const mean = known === 0 ? 1 : sum / known;
  return durations.map((duration) => (duration < 0 ? mean : duration));
}

/** Holds that the tasks of one batch key have one handler: with several, none would ever be called together. */
export class BatchKeys {
  readonly #handlers = new Map<string, BatchHandler<never, unknown>>();

  read({ run }: Task, report: (message: string) => void): void {
    if (typeof run !== "object" || run === null || run.kind !== "batch") return;
    const known = this.#handlers.get(run.key);
    if (known === undefined) this.#handlers.set(run.key, run.handler);
    else if (known !== run.handler)
      report(
        `batch "${run.key}" has another handler here than in a task before: make the work once and give it to each task`,
      );
  }
}
