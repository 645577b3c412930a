/** The port to time and chance. */

/** Time, as an executor reads it. `SimulatedClock` is one for tests. */
export interface Clock {
  /** Milliseconds since the epoch, with fractions; never goes backwards. */
  now(): number;
  /** Calls back once after the delay; the function that it gives cancels that. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Calls back when other work of the event loop has had its turn. */
  yield(callback: () => void): void;
}

/** What an executor takes as its second argument, in simulations and tests: the time and the chance that it lives in. */
export interface World {
  /** Default: real time. */
  readonly clock?: Clock;
  /** Numbers from 0 to 1, for what is drawn by chance. Default `Math.random`. */
  readonly random?: () => number;
}
