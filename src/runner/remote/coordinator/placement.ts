/**
 * Which queue an attempt goes to. Most go to the queue of the resources that they need, from which whoever is free takes
 * them. An attempt goes to the queue of one worker where that worker is known to be right: it alone has the module or the
 * room, or it has a large input already and a free slot.
 */
import type { AttemptRequest } from "../../../port/runner.js";
import { isDataReference } from "../data/reference.js";
import { queueOf, queueOfWorker, type WorkerRecord } from "../messages.js";

/** An input is worth a detour from this size on. */
const worthwhileBytes = 1_000_000;
const rememberedValues = 10_000;

export interface PlacementOptions {
  readonly queue: string;
  /** Custom resources that the coordinator alone counts. */
  readonly localResources: readonly string[];
}

/** What a returned attempt needs of a worker. */
export interface Need {
  readonly module?: string;
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly resources: Readonly<Record<string, number>>;
}

export class Placement {
  readonly #options: PlacementOptions;
  #workers: readonly WorkerRecord[] = [];
  /** Hosts that have a value, by its digest. */
  readonly #holders = new Map<string, Set<string>>();
  /** Attempts that are under way to one worker's own queue. */
  readonly #assigned = new Map<string, number>();

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  set workers(workers: readonly WorkerRecord[]) {
    this.#workers = workers.filter(({ queue }) => queue === this.#options.queue);
  }

  get workers(): readonly WorkerRecord[] {
    return this.#workers;
  }

  /** Slots of all workers. */
  get slots(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.slots, 0);
  }

  /** Slots of the workers that serve a queue. */
  slotsOf(queue: string): number {
    return this.#workers.reduce((sum, { queues, slots }) => sum + (queues.includes(queue) ? slots : 0), 0);
  }

  /** Whether the worker whose own queue this is lives; true for every other queue. */
  isServed(queue: string): boolean {
    const at = queue.indexOf("@");
    return at < 0 || this.#workers.some(({ id, draining }) => id === queue.slice(at + 1) && !draining);
  }

  /** Custom resources that a worker must have for this attempt. */
  resourcesOf({ resources }: AttemptRequest): Readonly<Record<string, number>> {
    if (resources === undefined) return {};
    const entries = Object.entries(resources).filter(([name]) => !this.#options.localResources.includes(name));
    return Object.fromEntries(entries);
  }

  /** The queue for an attempt: of a worker near its large inputs, or that of its resources. */
  queueFor(request: AttemptRequest): string {
    const queue = queueOf(this.#options.queue, Object.keys(this.resourcesOf(request)));
    for (const value of Object.values(request.inputs)) {
      if (!isDataReference(value) || value.bytes < worthwhileBytes) continue;
      const hosts = this.#holders.get(value.sha256);
      if (hosts === undefined) continue;
      const near = this.#workers.filter((worker) => hosts.has(worker.host) && worker.queues.includes(queue));
      const free = near.find((worker) => !worker.draining && this.#load(worker) < worker.slots);
      if (free !== undefined) return this.#assign(free.id);
    }
    return queue;
  }

  /** The own queue of the least busy worker that has what is needed; `undefined` where none has. */
  queueOfOneWith(need: Need): string | undefined {
    const able = this.#workers.filter((worker) => !worker.draining && has(worker, need));
    const [best] = able.sort((a, b) => this.#load(a) / a.slots - this.#load(b) / b.slots);
    return best === undefined ? undefined : this.#assign(best.id);
  }

  left(queue: string): void {
    const at = queue.indexOf("@");
    if (at < 0) return;
    const id = queue.slice(at + 1);
    const assigned = (this.#assigned.get(id) ?? 0) - 1;
    if (assigned > 0) this.#assigned.set(id, assigned);
    else this.#assigned.delete(id);
  }

  /** The host has the values that these are references to. */
  holds(host: string, values: readonly unknown[]): void {
    for (const value of values) {
      if (!isDataReference(value) || value.bytes < worthwhileBytes) continue;
      const hosts = this.#holders.get(value.sha256);
      if (hosts === undefined) this.#holders.set(value.sha256, new Set([host]));
      else hosts.add(host);
      if (this.#holders.size <= rememberedValues) continue;
      const [oldest] = this.#holders.keys();
      this.#holders.delete(oldest!);
    }
  }

  #load({ id, runningCount }: WorkerRecord): number {
    return Math.max(runningCount, this.#assigned.get(id) ?? 0);
  }

  #assign(id: string): string {
    this.#assigned.set(id, (this.#assigned.get(id) ?? 0) + 1);
    return queueOfWorker(this.#options.queue, id);
  }
}

function has(worker: WorkerRecord, { module, cpuCores, memoryBytes, resources }: Need): boolean {
  if (module !== undefined && !worker.modules.includes(module)) return false;
  if (worker.cpu < cpuCores || worker.memory < memoryBytes) return false;
  return Object.entries(resources).every(([name, amount]) => (worker.resources[name] ?? 0) >= amount);
}
