/**
 * What a worker may hold at once: slots, CPU, memory and custom resources. First come, first served: the queue is short,
 * because a worker claims no more than it has slots, and an attempt that waits for much is passed by none.
 */
export interface Demand {
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly resources: Readonly<Record<string, number>>;
}

export interface Capacity extends Demand {
  readonly slots: number;
}

interface Waiting {
  readonly demand: Demand;
  readonly start: () => void;
}

export class WorkerAdmission {
  readonly capacity: Capacity;
  readonly #waiting: Waiting[] = [];
  #slots: number;
  #cpuCores: number;
  #memoryBytes: number;
  readonly #resources: Record<string, number>;

  constructor(capacity: Capacity) {
    this.capacity = capacity;
    this.#slots = capacity.slots;
    this.#cpuCores = capacity.cpuCores;
    this.#memoryBytes = capacity.memoryBytes;
    this.#resources = { ...capacity.resources };
  }

  /** What the demand has beyond the whole of this worker, in words; `undefined` where it fits when the worker is empty. */
  beyond(demand: Demand): string | undefined {
    const { cpuCores, memoryBytes, resources } = this.capacity;
    if (demand.cpuCores > cpuCores) return `${demand.cpuCores} CPUs of ${cpuCores}`;
    if (demand.memoryBytes > memoryBytes) return `${demand.memoryBytes} bytes of memory of ${memoryBytes}`;
    for (const [name, amount] of Object.entries(demand.resources))
      if (amount > (resources[name] ?? 0)) return `${amount} of resource "${name}" of ${resources[name] ?? 0}`;
    return undefined;
  }

  /** Calls back when the demand fits, and holds it from then on; the function that it gives takes the wish back. */
  request(demand: Demand, start: () => void): () => boolean {
    const waiting = { demand, start };
    this.#waiting.push(waiting);
    this.#startFitting();
    return () => {
      const place = this.#waiting.indexOf(waiting);
      if (place < 0) return false;
      this.#waiting.splice(place, 1);
      this.#startFitting();
      return true;
    };
  }

  release(demand: Demand): void {
    this.#hold(demand, -1);
    this.#startFitting();
  }

  #startFitting(): void {
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.demand)) {
      const { demand, start } = this.#waiting.shift()!;
      this.#hold(demand, 1);
      start();
    }
  }

  #fits({ cpuCores, memoryBytes, resources }: Demand): boolean {
    if (this.#slots < 1 || cpuCores > this.#cpuCores + 1e-9 || memoryBytes > this.#memoryBytes) return false;
    return Object.entries(resources).every(([name, amount]) => amount <= (this.#resources[name] ?? 0) + 1e-9);
  }

  #hold({ cpuCores, memoryBytes, resources }: Demand, sign: 1 | -1): void {
    this.#slots -= sign;
    this.#cpuCores -= sign * cpuCores;
    this.#memoryBytes -= sign * memoryBytes;
    for (const [name, amount] of Object.entries(resources))
      this.#resources[name] = (this.#resources[name] ?? 0) - sign * amount;
  }
}
