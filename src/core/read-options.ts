/** Reads the options of a graph's tasks into columns, each made only where some task has the option. */
import type { BatchHandler } from "../model/batch.js";
import { describeId, type ProblemList } from "../model/check.js";
import { repeatedTask } from "../model/graph.js";
import type { Task } from "../model/task.js";
import { askedOnly, isHandedOver } from "./cache-option.js";
import type { CompileSettings } from "./compile.js";
import { DemandReader, PoolResources } from "./limits.js";
import type { Demand } from "./plan.js";
import type { Policy } from "./policy.js";
import { checkTask, PolicyReader, readDurationMs } from "./task-options.js";

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
