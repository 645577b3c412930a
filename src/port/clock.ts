/** The port to time. */
export interface Clock {
  /** Milliseconds since the epoch, with fractions; never goes backwards. */
  now(): number;
  /** Calls back once after the delay; the function that it gives cancels that. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Calls back when other work of the event loop has had its turn. */
  yield(callback: () => void): void;
}
