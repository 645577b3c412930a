/**
 * Use over time, in a bounded number of buckets: when the run outgrows them, two become one. Each channel has a level
 * that holds until it is changed, and a bucket keeps the level's sum over time, so that averages are weighted by time.
 */
import type { SeriesColumns } from "../protocol.js";

const buckets = 1200;
const firstWidthMs = 50;

interface Channel {
  level: number;
  readonly sums: Float64Array;
  /** Whether it counts things that happen, rather than a level that lasts. */
  readonly counts: boolean;
}

export class TimeSeries {
  widthMs = firstWidthMs;
  /** Grows whenever buckets were joined, so that a reader knows that all of them are new. */
  generation = 0;
  #last = 0;
  readonly #channels = new Map<string, Channel>();

  /** The bucket that `at` lies in. */
  get current(): number {
    return Math.floor(this.#last / this.widthMs);
  }

  /** Changes a level by `amount` at `at`, milliseconds since the run started. */
  change(name: string, amount: number, at: number): void {
    this.advance(at);
    const channel = this.#channel(name, false);
    channel.level = Math.max(0, Math.round((channel.level + amount) * 1e6) / 1e6);
  }

  /** Counts one thing that happened. */
  count(name: string, at: number): void {
    this.advance(at);
    const { sums } = this.#channel(name, true);
    sums[this.current] = sums[this.current]! + 1;
  }

  level(name: string): number {
    return this.#channels.get(name)?.level ?? 0;
  }

  advance(at: number): void {
    if (at <= this.#last) return;
    while (at >= buckets * this.widthMs) this.#join();
    for (const channel of this.#channels.values()) if (channel.level > 0) this.#fill(channel, at);
    this.#last = at;
  }

  /** Everything from bucket `from` on: levels as averages, counts for each second. */
  read(from: number): SeriesColumns {
    const channels: Record<string, number[]> = {};
    const end = this.current;
    for (const [name, { sums, counts }] of this.#channels) {
      const values: number[] = [];
      for (let bucket = from; bucket <= end; bucket++) {
        const width = bucket < end ? this.widthMs : Math.max(1, this.#last - end * this.widthMs);
        values.push(Math.round((sums[bucket]! / width) * (counts ? 1000 : 1) * 1000) / 1000);
      }
      channels[name] = values;
    }
    return { widthMs: this.widthMs, from, channels };
  }

  #fill(channel: Channel, until: number): void {
    let from = this.#last;
    while (from < until) {
      const bucket = Math.floor(from / this.widthMs);
      const end = Math.min(until, (bucket + 1) * this.widthMs);
      channel.sums[bucket] = channel.sums[bucket]! + channel.level * (end - from);
      from = end;
    }
  }

  #join(): void {
    this.widthMs *= 2;
    this.generation++;
    for (const { sums } of this.#channels.values()) {
      for (let bucket = 0; bucket < buckets / 2; bucket++) sums[bucket] = sums[2 * bucket]! + sums[2 * bucket + 1]!;
      sums.fill(0, buckets / 2);
    }
  }

  #channel(name: string, counts: boolean): Channel {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { level: 0, sums: new Float64Array(buckets), counts };
      this.#channels.set(name, channel);
    }
    return channel;
  }
}
