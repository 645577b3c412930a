import type { Clock } from "../port/clock.js";

const { timeOrigin } = performance;
const longestTimeoutMs = 2 ** 31 - 1;

/** Real time: the monotonic clock, laid on the wall clock's epoch at start. */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  schedule(delayMs, callback) {
    // A longer delay than a timer can hold ends early, and whoever waits for a time asks again.
    const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), longestTimeoutMs));
    return () => clearTimeout(timer);
  },
  yield(callback) {
    setImmediate(callback);
  },
};
