/**
 * Effects to carry out, and the successes that are told as bare numbers, which are to be taken first. Cleared by forgetting
 * sizes, because an array that is cut to 0 gives its store back each time.
 */
import type { SchedulerEffect } from "./effect.js";

export class EffectList {
  readonly #effects: SchedulerEffect[] = [];
  #size = 0;
  readonly #successes: number[] = [];
  #successCount = 0;

  get successCount(): number {
    return this.#successCount;
  }

  pushSuccess(task: number): void {
    this.#successes[this.#successCount++] = task;
  }

  successAt(index: number): number {
    return this.#successes[index]!;
  }

  clearSuccesses(): void {
    this.#successCount = 0;
  }

  get size(): number {
    return this.#size;
  }

  push(effect: SchedulerEffect): void {
    this.#effects[this.#size++] = effect;
  }

  at(index: number): SchedulerEffect {
    return this.#effects[index]!;
  }

  clear(): void {
    this.#size = 0;
  }

  /** A copy that may be kept. */
  toArray(): SchedulerEffect[] {
    return this.#effects.slice(0, this.#size);
  }
}
