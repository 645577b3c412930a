/** How long something took, over many times: a histogram of microseconds that keeps three significant digits (HdrHistogram). */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Seconds. All 0 where nothing was recorded. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const microsecondsPerSecond = 1e6;

export class DurationHistogram {
  readonly #histogram: RecordableHistogram = createHistogram({ figures: 3 });
  #count = 0;
  #sum = 0;
  #max = 0;

  record(seconds: number): void {
    this.#count++;
    this.#sum += seconds;
    this.#max = Math.max(this.#max, seconds);
    // The histogram takes whole numbers from 1.
    this.#histogram.record(Math.max(1, Math.round(seconds * microsecondsPerSecond)));
  }

  read(): Distribution {
    if (this.#count === 0) return { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    const at = (percentile: number): number =>
      Math.min(this.#max, this.#histogram.percentile(percentile) / microsecondsPerSecond);
    return { count: this.#count, mean: this.#sum / this.#count, p50: at(50), p90: at(90), p99: at(99), max: this.#max };
  }
}
