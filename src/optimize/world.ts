/** Real time, for parts that can be used by themselves. */
import type { Clock } from "../port/clock.js";

/** Real time. A timer of somebody who waits keeps this process alive. */
export const realClock: Clock = makeClock(true);

/** Real time for upkeep: its timers do not keep this process alive. */
export const upkeepClock: Clock = makeClock(false);

const longestTimeoutMs = 2 ** 31 - 1;

function makeClock(keepsAlive: boolean): Clock {
  const { timeOrigin } = performance;
  return {
    now: () => timeOrigin + performance.now(),
    schedule(delayMs, callback) {
      // A longer delay than a timer can hold ends early, and whoever waits for a time looks at the clock again.
      const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), longestTimeoutMs));
      if (!keepsAlive) timer.unref();
      return () => clearTimeout(timer);
    },
    yield(callback) {
      setImmediate(callback);
    },
  };
}
