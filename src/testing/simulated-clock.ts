import type { Clock } from "../port/clock.js";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to go on, so that tests of timeouts and retries take no time and never flake.
 *
 * @example
 * const clock = new SimulatedClock();
 * await using executor = new ParallelExecutor({ taskTimeout: "1h" }, { clock });
 * const run = executor.run([{ id: "stuck", run: () => new Promise(() => {}) }]);
 * const results = await clock.runUntil(run.results);
 * console.log(results.get("stuck")?.status, clock.now() / 1000); // prints timed-out 3600
 */
export class SimulatedClock implements Clock {
  #now: number;
  #order = 0;
  readonly #alarms = new Set<Alarm>();

  /** @param startMs Milliseconds since the epoch. Default 0. */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  /** Milliseconds since the epoch; it moves by `advance` and `runUntil` alone. */
  now(): number {
    return this.#now;
  }

  /** Calls back once, when the clock has been moved on so far. The function that it gives cancels that. */
  schedule(delayMs: number, callback: () => void): () => void {
    const alarm = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  /** Calls back when other work of the event loop has had its turn. */
  yield(callback: () => void): void {
    setImmediate(callback);
  }

  /** When the next callback is due, or `undefined` where none is. */
  get nextAt(): number | undefined {
    return this.#next()?.at;
  }

  /** Goes on by `milliseconds`, calling back whatever falls due on the way, and lets promises settle after each. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (let alarm = this.#next(); alarm !== undefined && alarm.at <= end; alarm = this.#next()) {
      this.#alarms.delete(alarm);
      this.#now = Math.max(this.#now, alarm.at);
      alarm.callback();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** Goes on until `promise` settles, from one due callback to the next. Throws if nothing is due any more and it has not. */
  async runUntil<T>(promise: PromiseLike<T>): Promise<T> {
    let settled = false;
    const watch = (): void => {
      settled = true;
    };
    promise.then(watch, watch);
    await settle();
    while (!settled) {
      const alarm = this.#next();
      if (alarm === undefined) throw new Error("nothing is due any more, and what was waited for has not come");
      await this.advance(alarm.at - this.#now);
    }
    return promise;
  }

  #next(): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (next === undefined || alarm.at < next.at || (alarm.at === next.at && alarm.order < next.order)) next = alarm;
    }
    return next;
  }
}

/** Turns of the event loop: promises settle, and what they asked for in later turns is done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}
