/**
 * `TaskCache`: the cache of what tasks gave, as programs have it. What is behind it (tiers, codecs, flights) is loaded when it is
 * first asked for something, so that a program that imports this package and keeps nothing does without.
 */
import { resolveCacheOptions } from "../../core/cache-option.js";
import type { TaskCacheOptions } from "../../model/cache.js";
import { FirstUse } from "../../model/first-use.js";
import type { Duration } from "../../model/units.js";
import type { CacheTierStats, ServingCache } from "../../port/cache-store.js";
import type { CacheExplanation } from "./explanations.js";
import type { OpenCache } from "./open-cache.js";

/** How an entry is kept. */
export interface CacheEntryOptions {
  /** Default: the cache's. */
  readonly ttl?: Duration;
  /** Default: the cache's. */
  readonly staleWhileRevalidate?: Duration;
  /** How long a failure is kept. Default: the cache's. */
  readonly failures?: Duration;
  /** Names by which the entry can be invalidated, besides its key and task. Default: none. */
  readonly tags?: readonly string[];
  /** Name of the task that it is of. Default `""`. */
  readonly task?: string;
}

/** How a value is computed and kept. */
export interface ComputeOptions extends CacheEntryOptions {
  /** Leaves: the computation goes on for others that wait for it, and is aborted where there are none. */
  readonly signal?: AbortSignal;
}

/** A value that was there. */
export interface CacheHit<Value = unknown> {
  /** A copy of its own, which may be changed. */
  readonly value: Value;
  /** Whether it is past its time. */
  readonly stale: boolean;
}

/** What is invalidated: exactly one of these. */
export interface InvalidationTarget {
  /** One key. */
  readonly key?: string;
  /** Name of a task. */
  readonly task?: string;
  /** All values that were kept with this tag. */
  readonly tag?: string;
}

/** What a cache has done so far, and what is in it. */
export interface CacheStats {
  /** Lookups of this cache object: values given, given past their time, computed by another caller, and computed. */
  readonly hits: number;
  /** Values that were given past their time. */
  readonly staleHits: number;
  /** Values that another caller computed meanwhile. */
  readonly joined: number;
  /** Values that had to be computed. */
  readonly misses: number;
  /** Attempts that had no key. */
  readonly unkeyable: number;
  /** Values that cannot be kept, such as instances of classes. */
  readonly unstorable: number;
  /** What went wrong in tiers, by tier and kind: `{ "disk corrupt": 1 }`. */
  readonly trouble: Readonly<Record<string, number>>;
  /** What each tier holds. */
  readonly tiers: readonly CacheTierStats[];
}

/**
 * A cache of results.
 *
 * A cache may serve any number of executors. What goes wrong in a tier is a miss and a warning, never an error.
 *
 * @example
 * await using cache = new TaskCache({ ttl: "1h" });
 * let asked = 0;
 * const price = () => cache.getOrCompute(cacheKeyOf(["price", "tea"]), () => ++asked, { tags: ["prices"] });
 * await Promise.all([price(), price()]);
 * console.log(await price()); // prints 1
 */
export class TaskCache implements ServingCache, AsyncDisposable {
  /** What executors know a cache by. */
  readonly servesAttempts = true;
  readonly #open: FirstUse<OpenCache>;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(options: TaskCacheOptions = {}) {
    const resolved = resolveCacheOptions(options);
    this.#open = new FirstUse(async () => new (await import("./open-cache.js")).OpenCache(resolved));
  }

  /** The value of a key, or `undefined` where there is none; a value that is `undefined` is a hit. */
  get<Value = unknown>(key: string): Promise<CacheHit<Value> | undefined> {
    return this.#open.use((cache) => cache.get<Value>(key));
  }

  /** Keeps a value; says whether it can be kept. */
  set(key: string, value: unknown, options: CacheEntryOptions = {}): Promise<boolean> {
    return this.#open.use((cache) => cache.set(key, value, options));
  }

  /**
   * The value of a key: the one that is there, or else what `compute` gives. However many ask at once, in this process and
   * in others that share a tier, one computes. What `compute` throws is thrown to all who wait.
   */
  getOrCompute<Value>(
    key: string,
    compute: (signal: AbortSignal) => Value | PromiseLike<Value>,
    options: ComputeOptions = {},
  ): Promise<Value> {
    return this.#open.use((cache) => cache.getOrCompute(key, compute, options));
  }

  /**
   * Has everything of a key, a task or a tag computed anew, whatever is running now included.
   * @throws InvalidOptionError where not exactly one of the three is given.
   * @throws OrchestratorError `NOT_INVALIDATED` where a shared tier could not be told: this process gives no old value any more, others may.
   */
  invalidate(target: InvalidationTarget): Promise<void> {
    return this.#open.use((cache) => cache.invalidate(target));
  }

  /** Has everything computed anew. @throws OrchestratorError `NOT_INVALIDATED`, as `invalidate` does. */
  clear(): Promise<void> {
    return this.#open.use((cache) => cache.clear());
  }

  /** Why a task hit or missed the last time: in this process, or else when its value was last kept. */
  explain(taskId: string): Promise<CacheExplanation | undefined> {
    return this.#open.use((cache) => cache.explain(taskId));
  }

  /**
   * Rewrites the folder without what has expired, was declared invalid or replaced. It does so by itself from time to time.
   * The folder of a cache that was not used yet is rewritten before whatever is asked of it next.
   */
  compact(): void {
    const { made } = this.#open;
    if (made !== undefined) made.compact();
    // Why the cache cannot be had is told to the calls that need it.
    else
      this.open()
        .then((cache) => cache.compact())
        .catch(() => {});
  }

  /** What it has done so far, and what is in it. */
  stats(): Promise<CacheStats> {
    return this.#open.use((cache) => cache.stats());
  }

  /** Gives back memory, files and connections, when what is being computed has ended. Idempotent. */
  close(): Promise<void> {
    return this.#open.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal What does the work, for those who serve attempts from it. */
  open(): Promise<OpenCache> {
    return this.#open.get();
  }
}
