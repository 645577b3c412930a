/** How much of a resource is in use over time: now, at most, and on average weighted by time. */
export class UsageMeter {
  now = 0;
  peak = 0;
  #area = 0;
  #since: number | undefined;
  #last = 0;

  /** Changes what is in use by `amount`, at `at` milliseconds. */
  change(amount: number, at: number): void {
    this.#advance(at);
    // Amounts are thousandths at the finest: what a sum of fractions leaves beyond that is no use of anything.
    this.now = Math.max(0, Math.round((this.now + amount) * 1e6) / 1e6);
    this.peak = Math.max(this.peak, this.now);
  }

  /** Average since the first change, up to `at`. */
  average(at: number): number {
    if (this.#since === undefined || at <= this.#since) return this.now;
    return (this.#area + this.now * Math.max(0, at - this.#last)) / (at - this.#since);
  }

  #advance(at: number): void {
    if (this.#since === undefined) this.#since = at;
    else this.#area += this.now * Math.max(0, at - this.#last);
    this.#last = Math.max(this.#last, at);
  }
}
