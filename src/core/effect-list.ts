/** Effects to carry out. Cleared by forgetting its size, because an array that is cut to 0 gives its store back each time. */
import type { SchedulerEffect } from "./effect.js";

export class EffectList {
  readonly #effects: SchedulerEffect[] = [];
  #size = 0;

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
