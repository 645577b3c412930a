/**
 * How long something took, over many times, in memory that does not depend on how many.
 *
 * A log-linear histogram, as HdrHistogram is: each power of two of seconds has 64 bins of equal width, from 2^-23 s (0.12
 * microseconds; what is shorter counts as 0) to 2^24 s (194 days; what is longer counts as that, and is still told by
 * `max`). A percentile is the middle of the bin in which the value of that rank lies, so it is at most 1/128 = 0.8 % off.
 * Count, sum and maximum are exact. The bin of a value is read from the bits of the number itself: exponent and the first
 * six bits of the fraction. `perf_hooks` has such a histogram too, but one that cannot be added to another of its kind
 * without also keeping half a megabyte each, and a window is a sum of many.
 */

/** Seconds. All 0 where nothing was recorded. */
export interface Distribution {
  /** How many values there were. */
  readonly count: number;
  /** Of all values, exact. */
  readonly sum: number;
  /** Of all values, exact. */
  readonly mean: number;
  /** Within 0.8 % of the value of that rank, as are the others. */
  readonly p50: number;
  /** 90 of 100 values are not above it. */
  readonly p90: number;
  /** 99 of 100 values are not above it. */
  readonly p99: number;
  /** Exact. */
  readonly max: number;
}

const binsOfPage = 64;
const lowestExponent = -23;
const pageCount = 47;
/** Bits of a number above its first six bits of fraction, for the lowest bin. */
const firstBin = (1023 + lowestExponent) * binsOfPage;
const lastBin = pageCount * binsOfPage - 1;

/** A bin ends with its upper bound, so a power of two belongs to the bin below it. */
const justBelow = 1 - 2 ** -53;

const noPage = new Float64Array(0);
const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
const highWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** Durations that are recorded together. */
export class DurationColumn {
  /** Seconds. */
  readonly values: Float64Array;
  /** The same memory. */
  readonly bits: Uint32Array;

  constructor(length: number) {
    this.values = new Float64Array(length);
    this.bits = new Uint32Array(this.values.buffer);
  }
}

export class DurationHistogram {
  /** One for each power of two, made when it is needed. */
  readonly #pages: (Float64Array | undefined)[] = new Array<Float64Array | undefined>(pageCount).fill(undefined);
  /** Values below the lowest bin. */
  #zeros = 0;
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  record(seconds: number): void {
    this.#count++;
    this.#sum += seconds;
    if (seconds > this.#max) this.#max = seconds;
    scratch[0] = seconds * justBelow;
    const bin = (words[highWord]! >>> 14) - firstBin;
    if (bin < 0 || seconds <= 0) this.#zeros++;
    else this.#countIn(Math.min(bin, lastBin));
  }

  /**
   * Records the first `count` of the values, and uses them up: each is put back as the number whose bits are read. Read at
   * once after it was written, it would have to wait for the write.
   */
  recordAll({ values, bits }: DurationColumn, count: number): void {
    let sum = 0;
    let max = this.#max;
    for (let place = 0; place < count; place++) {
      const seconds = values[place]!;
      sum += seconds;
      if (seconds > max) max = seconds;
      values[place] = seconds * justBelow;
    }
    this.#count += count;
    this.#sum += sum;
    this.#max = max;
    let zeros = 0;
    let last = -1;
    let page: Float64Array = noPage;
    for (let place = highWord; place < 2 * count; place += 2) {
      const word = bits[place]!;
      const bin = (word >>> 14) - firstBin;
      // What is below 0 has the sign in its highest bit.
      if (bin < 0 || word >= 0x80000000) {
        zeros++;
        continue;
      }
      const kept = Math.min(bin, lastBin);
      if (kept >>> 6 !== last) {
        last = kept >>> 6;
        page = this.#page(last);
      }
      page[kept & 63]!++;
    }
    this.#zeros += zeros;
  }

  /** Adds all that another one has recorded. */
  add(other: DurationHistogram): void {
    if (other.#count === 0) return;
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#zeros += other.#zeros;
    if (other.#max > this.#max) this.#max = other.#max;
    for (let place = 0; place < pageCount; place++) {
      const page = other.#pages[place];
      if (page !== undefined) addTo(this.#page(place), page);
    }
  }

  /** Forgets everything, and keeps its memory for what comes. */
  clear(): void {
    if (this.#count === 0) return;
    for (const page of this.#pages) page?.fill(0);
    this.#zeros = 0;
    this.#count = 0;
    this.#sum = 0;
    this.#max = 0;
  }

  /** The smallest value that at least `percent` of all are not above, within 0.8 %. */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let seen = this.#zeros;
    if (seen >= rank) return 0;
    for (let place = 0; place < pageCount; place++) {
      const page = this.#pages[place];
      if (page === undefined) continue;
      for (let bin = 0; bin < binsOfPage; bin++) {
        seen += page[bin]!;
        if (seen >= rank) return Math.min(this.#max, middleOf(place, bin));
      }
    }
    return this.#max;
  }

  /** How many values were not above 2 to the power of each exponent, in seconds; exact, for histograms of others. */
  countsUpTo(exponents: readonly number[]): number[] {
    return exponents.map((exponent) => {
      let seen = this.#zeros;
      for (let place = 0; place < Math.min(pageCount, exponent - lowestExponent); place++) {
        for (const count of this.#pages[place] ?? []) seen += count;
      }
      return seen;
    });
  }

  read(): Distribution {
    const { count, sum } = this;
    if (count === 0) return { count, sum: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    const [p50, p90, p99] = [this.percentile(50), this.percentile(90), this.percentile(99)];
    return { count, sum, mean: sum / count, p50, p90, p99, max: this.#max };
  }

  #countIn(bin: number): void {
    this.#page(bin >>> 6)[bin & 63]!++;
  }

  #page(place: number): Float64Array {
    let page = this.#pages[place];
    if (page === undefined) {
      page = new Float64Array(binsOfPage);
      this.#pages[place] = page;
    }
    return page;
  }
}

function addTo(page: Float64Array, other: Float64Array): void {
  for (let bin = 0; bin < binsOfPage; bin++) page[bin]! += other[bin]!;
}

function middleOf(place: number, bin: number): number {
  return 2 ** (lowestExponent + place) * (1 + (bin + 0.5) / binsOfPage);
}
