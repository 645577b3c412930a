/** How much of something is in use over time: now, at most, and its integral. */

// Places in the state, which is an array so that a change puts no number into an object.
const now = 0;
const peak = 1;
/** Sum of the changes, each times its time. */
const moment = 2;
/** Times are counted from the first change, so that their products are exact. */
const origin = 3;
/** What of the integral has been forgotten. */
const forgotten = 4;

export class UsageMeter {
  readonly #state = new Float64Array(5);

  constructor() {
    this.#state[origin] = Number.NaN;
  }

  get now(): number {
    return this.#state[now]!;
  }

  get peak(): number {
    return this.#state[peak]!;
  }

  /** Changes what is in use by `amount`, at `at` milliseconds. */
  change(amount: number, at: number): void {
    const state = this.#state;
    const before = state[now]!;
    // Amounts are thousandths at the finest: what a sum of fractions leaves beyond that is no use of anything.
    state[now] = Math.max(0, Math.round((before + amount) * 1e6) / 1e6);
    if (state[now]! > state[peak]!) state[peak] = state[now]!;
    this.#addMoment(state[now]! - before, at);
  }

  /**
   * Many changes by 1 at once.
   *
   * @param change how much more is in use after them.
   * @param most how much more was, at most, while they happened.
   * @param sum of the times of those that took, less those of those that gave, in milliseconds after `since`.
   */
  changeAll(change: number, most: number, sum: number, since: number): void {
    const state = this.#state;
    if (state[now]! + most > state[peak]!) state[peak] = state[now]! + most;
    state[now]! += change;
    this.#addMoment(change, since);
    state[moment]! += sum;
  }

  /** What was in use, times the seconds that it was, up to `at`. */
  area(at: number): number {
    return Math.max(0, this.#integral(at) - this.#state[forgotten]!) / 1000;
  }

  /** Forgets what was, at `at`; what is in use stays so. */
  reset(at: number): void {
    const state = this.#state;
    state[forgotten] = this.#integral(at);
    state[peak] = state[now]!;
  }

  #addMoment(change: number, at: number): void {
    const state = this.#state;
    if (Number.isNaN(state[origin]!)) state[origin] = at;
    state[moment]! += change * (at - state[origin]!);
  }

  #integral(at: number): number {
    const state = this.#state;
    return Number.isNaN(state[origin]!) ? 0 : state[now]! * (at - state[origin]!) - state[moment]!;
  }
}
