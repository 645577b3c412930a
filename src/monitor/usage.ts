/** How much of something is in use over time: now, at most, and its integral. */
import type { FunctionBatch } from "../port/observer.js";

// Places in the state, which is an array so that a change puts no number into an object.
const now = 0;
const peak = 1;
const area = 2;
const last = 3;

export class UsageMeter {
  readonly #state = new Float64Array(4);

  get now(): number {
    return this.#state[now]!;
  }

  get peak(): number {
    return this.#state[peak]!;
  }

  /** Changes what is in use by `amount`, at `at` milliseconds. */
  change(amount: number, at: number): void {
    const state = this.#state;
    if (at > state[last]!) {
      state[area]! += state[now]! * (at - state[last]!);
      state[last] = at;
    }
    const next = state[now]! + amount;
    // Amounts are thousandths at the finest: what a sum of fractions leaves beyond that is no use of anything.
    state[now] = Math.max(0, Math.round(next * 1e6) / 1e6);
    if (state[now]! > state[peak]!) state[peak] = state[now]!;
  }

  /** Changes what is in use by 1 for each start and end of a batch. */
  stepAll({ entries, count, startedAt, endedAt }: FunctionBatch): void {
    const state = this.#state;
    let used = state[now]!;
    let most = state[peak]!;
    let sum = state[area]!;
    let latest = state[last]!;
    for (let place = 0; place < count; place++) {
      const entry = entries[place]!;
      const at = entry < 0 ? startedAt[~entry]! : endedAt[entry]!;
      if (at > latest) {
        sum += used * (at - latest);
        latest = at;
      }
      if (entry < 0) {
        used++;
        if (used > most) most = used;
      } else if (used >= 1) used--;
    }
    state[now] = used;
    state[peak] = most;
    state[area] = sum;
    state[last] = latest;
  }

  /** What was in use, times the seconds that it was, up to `at`. */
  area(at: number): number {
    const state = this.#state;
    return (state[area]! + state[now]! * Math.max(0, at - state[last]!)) / 1000;
  }

  /** Forgets what was, at `at`; what is in use stays so. */
  reset(at: number): void {
    const state = this.#state;
    state[area] = 0;
    state[last] = Math.max(state[last]!, at);
    state[peak] = state[now]!;
  }
}
