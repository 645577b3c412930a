/**
 * Times of executions and invalidations. Their order decides whether a value counts, and the machine's clock may be set
 * back, or be another for a process that began before it was: so no time is given that is not later than every one that
 * was given or seen, in what others wrote, before (after Kulkarni et al., Logical Physical Clocks, 2014).
 */
export class CacheClock {
  #latest = 0;

  /** Milliseconds since the epoch, with fractions: later than all that is known. */
  now(): number {
    const physical = performance.timeOrigin + performance.now();
    this.#latest = Math.max(physical, this.#latest + smallestStep);
    return this.#latest;
  }

  /** A time that somebody gave. */
  saw(time: number): void {
    if (time > this.#latest && time < latestTime) this.#latest = time;
  }
}

/** A microsecond: a number of milliseconds since the epoch tells a quarter of that apart. */
const smallestStep = 0.001;
/** The last time of a `Date`. */
const latestTime = 8.64e15;
