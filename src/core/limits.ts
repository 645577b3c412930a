/** The resources that a run may use at once, by name, in whole units so that sums are exact. */
import type { ResourceSource, ResourceSources } from "../model/pool.js";
import type { Task } from "../model/task.js";
import { exactBytes, parseBytes } from "../model/units.js";
import type { Demand, Limits } from "./plan.js";

/** Resource 0 is CPU in thousandths of a core, 1 is memory in bytes, the rest are custom, in thousandths. */
export const cpuResource = 0;
export const memoryResource = 1;

export interface NamedLimits extends Limits {
  readonly names: readonly string[];
}

/** `Infinity` is no limit. */
export function makeLimits(
  slots: number,
  cpuCores: number,
  memoryBytes: number,
  custom: Readonly<Record<string, number>>,
): NamedLimits {
  const names = Object.keys(custom);
  return {
    slots,
    names: ["cpu", "memory", ...names],
    capacities: [toThousandths(cpuCores), memoryBytes, ...names.map((name) => toThousandths(custom[name]!))],
  };
}

/** Amounts by name in the units that people use: cores, bytes, and whatever a custom resource counts. */
export function describeAmounts(
  limits: NamedLimits,
  resources: readonly number[],
  amounts: readonly number[],
): Record<string, number> {
  const described: Record<string, number> = {};
  resources.forEach((resource, position) => {
    const name = limits.names[resource];
    // A group's concurrency is a resource too, but nobody declared it.
    if (name !== undefined) described[name] = amounts[position]! / (resource === memoryResource ? 1 : 1000);
  });
  return described;
}

function toThousandths(amount: number): number {
  return amount === Number.POSITIVE_INFINITY ? amount : Math.round(amount * 1000);
}

/** Of a task that declares nothing. */
export const emptyDemand: Demand = { resources: [], amounts: [] };

/** Turns declared resources into demands, one object for each distinct demand. */
export class DemandReader {
  readonly demands: Demand[] = [emptyDemand];
  readonly #limits: NamedLimits;
  readonly #pools: PoolResources;
  readonly #known = new Map<string, number>([["", 0]]);

  constructor(limits: NamedLimits, pools: PoolResources) {
    this.#limits = limits;
    this.#pools = pools;
  }

  /** Index of the task's demand; `report` is told of every resource that is unknown, malformed or beyond the limits. */
  read({ resources = {}, use }: Task, report: (message: string) => void): number {
    if (typeof resources !== "object" || resources === null) {
      report("resources: takes an object such as { cpu: 1 }");
      return 0;
    }
    const indexes = use === undefined ? [] : this.#pools.of(use);
    const amounts = indexes.map(() => 1);
    for (const [name, declared] of Object.entries(resources)) {
      if (declared === undefined) continue;
      const amount = this.#amountOf(name, declared, report);
      if (amount === undefined || amount === 0) continue;
      indexes.push(this.#limits.names.indexOf(name));
      amounts.push(amount);
    }
    const key = indexes.map((resource, position) => `${resource}:${amounts[position]}`).join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const index = this.demands.push({ resources: indexes, amounts }) - 1;
    this.#known.set(key, index);
    return index;
  }

  #amountOf(name: string, declared: number | string, report: (message: string) => void): number | undefined {
    const resource = this.#limits.names.indexOf(name);
    if (resource < 0) {
      report(
        `asks for the resource "${name}", which resourceLimits does not name; known: ${this.#limits.names.join(", ")}`,
      );
      return undefined;
    }
    const amount = this.#parse(name, declared, report);
    const capacity = this.#limits.capacities[resource]!;
    if (amount === undefined || amount <= capacity) return amount;
    const told = (units: number): string => (resource === memoryResource ? exactBytes(units) : `${units / 1000}`);
    report(`asks for ${told(amount)} of ${name}, but the limit is ${told(capacity)}: it could never start`);
    return undefined;
  }

  #parse(name: string, declared: number | string, report: (message: string) => void): number | undefined {
    if (name === "memory") {
      try {
        return parseBytes(declared);
      } catch (error) {
        report(`resources.memory: ${(error as Error).message}`);
        return undefined;
      }
    }
    if (typeof declared === "number" && declared >= 0 && declared <= 1e9) return Math.round(declared * 1000);
    report(`resources.${name}: takes a number from 0 to 1e9, got ${JSON.stringify(declared)}`);
    return undefined;
  }
}

/**
 * The pools that tasks use, as resources of the run: a task that would only wait for a pool takes no slot from others. A pool
 * that others use too may still let it wait.
 */
export class PoolResources {
  /** Most leases of each pool at once, in the order of their numbers. */
  readonly capacities: number[] = [];
  readonly #first: number;
  readonly #numbers = new Map<ResourceSource<unknown>, number>();
  #open = true;

  /** @param first number of the first pool's resource. */
  constructor(first: number) {
    this.#first = first;
  }

  /** Numbers of the resources that stand for these pools; of none whose capacity is not known. */
  of(use: ResourceSources): number[] {
    if (typeof use !== "object" || use === null) return [];
    return Object.values(use)
      .map((source) => this.#numberOf(source))
      .filter((number) => number !== undefined);
  }

  /** No pool is added from now on: the run has begun with those that are known. */
  freeze(): void {
    this.#open = false;
  }

  #numberOf(source: ResourceSource<unknown>): number | undefined {
    const known = this.#numbers.get(source);
    const max = source?.max;
    if (known !== undefined || !this.#open || typeof max !== "number" || !(max >= 1)) return known;
    const number = this.#first + this.capacities.push(max) - 1;
    this.#numbers.set(source, number);
    return number;
  }
}
