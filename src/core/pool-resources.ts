/**
 * The pools that tasks use, as resources of the run: a task that would only wait for a pool takes no slot from others. A pool
 * that others use too may still let it wait.
 */
import type { ResourceSource, ResourceSources } from "../model/pool.js";

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
