/**
 * What has been declared invalid, and since when. An invalidation is a fact with a time and not a search: a record counts
 * where its execution began after everything that was said of its key, task, tags and of all.
 */
import type { CacheRecord, InvalidationMark } from "../../port/cache-store.js";

/** The newest are kept; of older ones the latest time stands for all, so that forgetting one only makes a miss. */
const mostMarks = 100_000;

export class Invalidations {
  readonly #times = new Map<string, number>();
  #all = Number.NEGATIVE_INFINITY;

  /** Whether that was news. */
  add({ scope, name, at }: InvalidationMark): boolean {
    if (scope === "all") {
      if (at <= this.#all) return false;
      this.#all = at;
      return true;
    }
    const key = `${scope}:${name}`;
    if (at <= (this.#times.get(key) ?? this.#all)) return false;
    this.#times.delete(key);
    this.#times.set(key, at);
    if (this.#times.size > mostMarks) this.#forgetOldest();
    return true;
  }

  /** Whether nothing that was said since concerns the record. */
  allows(key: string, record: CacheRecord): boolean {
    const { startedAt, task, tags } = record;
    if (startedAt <= this.#all) return false;
    if (this.#times.size === 0) return true;
    if (startedAt <= this.#at(`key:${key}`) || startedAt <= this.#at(`task:${task}`)) return false;
    return tags.every((tag) => startedAt > this.#at(`tag:${tag}`));
  }

  marks(): InvalidationMark[] {
    const marks: InvalidationMark[] = [];
    if (this.#all > 0) marks.push({ scope: "all", name: "", at: this.#all });
    for (const [key, at] of this.#times) {
      const colon = key.indexOf(":");
      marks.push({ scope: key.slice(0, colon) as InvalidationMark["scope"], name: key.slice(colon + 1), at });
    }
    return marks;
  }

  #at(key: string): number {
    return this.#times.get(key) ?? Number.NEGATIVE_INFINITY;
  }

  #forgetOldest(): void {
    const [key, at] = this.#times.entries().next().value as [string, number];
    this.#times.delete(key);
    this.#all = Math.max(this.#all, at);
  }
}
