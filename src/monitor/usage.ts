/** How much of something is in use over time: now, at most, and its integral. */
export class UsageMeter {
  now = 0;
  peak = 0;
  #area = 0;
  #last = 0;

  /** Changes what is in use by `amount`, at `at` milliseconds. */
  change(amount: number, at: number): void {
    if (at > this.#last) {
      this.#area += this.now * (at - this.#last);
      this.#last = at;
    }
    const next = this.now + amount;
    // Amounts are thousandths at the finest: what a sum of fractions leaves beyond that is no use of anything.
    this.now = Number.isInteger(next) ? Math.max(0, next) : Math.max(0, Math.round(next * 1e6) / 1e6);
    if (this.now > this.peak) this.peak = this.now;
  }

  /** What was in use, times the seconds that it was, up to `at`. */
  area(at: number): number {
    return (this.#area + this.now * Math.max(0, at - this.#last)) / 1000;
  }

  /** Forgets what was, at `at`; what is in use stays so. */
  reset(at: number): void {
    this.#area = 0;
    this.#last = Math.max(this.#last, at);
    this.peak = this.now;
  }
}
