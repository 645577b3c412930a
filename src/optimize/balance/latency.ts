/**
 * How long an endpoint is likely to take, learnt from how long it took.
 *
 * After "peak EWMA" of Twitter's Finagle (2015): an average of latencies that forgets the past exponentially, which
 * jumps to a latency above it at once and comes down slowly. There the average is multiplied by the calls in flight; but
 * it was itself measured with calls in flight, so that a fast endpoint under its usual load would look worse than an idle
 * slow one. Here it is multiplied by the load relative to that at which it was measured.
 */
const millisecondsToForget = 10_000;

/**
 * Share of the past that outlasts one more answer at most. Time alone would let one slow answer of a stall stand for seconds,
 * however many quick ones have come since, and send calls to an endpoint that is always slow.
 */
const mostKept = 0.8;

export class LatencyEstimate {
  #averageMs = 0;
  /** Average of the calls in flight at the starts of those that were measured, themselves included. */
  #load = 1;
  #updatedAt = 0;
  #known = false;

  /** Whether anything is known. */
  get known(): boolean {
    return this.#known;
  }

  /** Milliseconds, of the average alone. */
  get averageMs(): number {
    return this.#averageMs;
  }

  measured(latencyMs: number, inFlightAtStart: number, now: number): void {
    if (!this.#known) {
      this.#known = true;
      this.#averageMs = latencyMs;
      this.#load = inFlightAtStart;
    } else {
      const keptByTime = Math.exp(-Math.max(0, now - this.#updatedAt) / millisecondsToForget);
      const kept = Math.min(mostKept, keptByTime);
      // By time alone: what a usual load is does not change with every wave of calls.
      this.#load = this.#load * keptByTime + inFlightAtStart * (1 - keptByTime);
      this.#averageMs = latencyMs > this.#averageMs ? latencyMs : this.#averageMs * kept + latencyMs * (1 - kept);
    }
    this.#updatedAt = now;
  }

  /**
   * Milliseconds that a call would take that begins beside `inFlight` others. An endpoint that nobody has asked for long
   * is forgotten little by little, and so is tried again some day; one of which nothing is known is tried once.
   */
  expectedMs(inFlight: number, now: number): number {
    if (!this.#known) return inFlight === 0 ? 0 : Number.MAX_VALUE;
    const idleMs = inFlight === 0 ? Math.max(0, now - this.#updatedAt) : 0;
    const remembered = this.#averageMs * Math.exp(-idleMs / millisecondsToForget);
    return remembered * Math.max(1, (inFlight + 1) / this.#load);
  }
}
