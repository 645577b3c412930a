/** The tiers of a cache as one: the nearest that has a key answers, and what a farther one had is kept nearer. */

import type { ResolvedCacheOptions } from "../../core/cache-option.js";
import type { CacheLease, CacheRecord, CacheStore, CacheTierStats, InvalidationMark } from "../../port/cache-store.js";
import { CacheClock } from "./cache-clock.js";
import { DiskStore } from "./disk-store.js";
import { Invalidations } from "./invalidations.js";
import { MemoryStore } from "./memory-store.js";
import { RedisStore } from "./redis-store.js";
import { TroubleLog } from "./trouble.js";

/** A record, or why there is none. */
export type Found = { readonly record: CacheRecord; readonly stale: boolean } | Absent;
export type Absent = "absent" | "expired" | "invalidated";

export class Tiers {
  readonly trouble = new TroubleLog();
  readonly clock = new CacheClock();
  readonly #invalidations = new Invalidations();
  readonly #memory: MemoryStore | undefined;
  readonly #disk: DiskStore | undefined;
  readonly #redis: RedisStore | undefined;
  readonly #all: readonly CacheStore[];

  constructor({ memoryBytes, directory, diskBytes, redis }: ResolvedCacheOptions) {
    const shared = { invalidations: this.#invalidations, clock: this.clock, trouble: this.trouble };
    this.#memory = memoryBytes > 0 ? new MemoryStore(memoryBytes) : undefined;
    this.#disk =
      directory === undefined ? undefined : new DiskStore({ ...shared, folder: directory, maximumBytes: diskBytes });
    this.#redis = redis === undefined ? undefined : new RedisStore({ ...shared, ...redis });
    this.#all = [this.#memory, this.#disk, this.#redis].filter((store) => store !== undefined);
  }

  /** Whether every tier answers at once. */
  get local(): boolean {
    return this.#redis === undefined;
  }

  /** What the tiers of this machine have. */
  findHere(key: string): Found {
    this.#disk?.refresh(false);
    // Its answer is for the lookups after this one.
    void this.#redis?.refresh(false);
    if (this.#disk?.blind === true) return "absent";
    const inMemory = this.#memory?.get(key);
    if (inMemory !== undefined) {
      const found = this.#check(key, inMemory);
      // Another process may have made it anew.
      if (typeof found !== "string" || this.#disk === undefined) return found;
    }
    const onDisk = this.#disk?.get(key);
    if (onDisk === undefined) return inMemory === undefined ? "absent" : this.#check(key, inMemory);
    const found = this.#check(key, onDisk);
    if (typeof found !== "string") this.#memory?.set(key, onDisk);
    return found;
  }

  /** What any tier has. @param fresh whether to take notice of what other processes did just now */
  async find(key: string, fresh = false): Promise<Found> {
    if (fresh) this.#disk?.refresh(true);
    await this.#redis?.refresh(fresh);
    const here = this.findHere(key);
    if (typeof here !== "string" || this.#redis === undefined) return here;
    const record = await this.#redis.get(key);
    if (record === undefined) return here;
    const found = this.#check(key, record);
    if (typeof found !== "string") for (const store of [this.#memory, this.#disk]) store?.set(key, record);
    return found;
  }

  async keep(key: string, record: CacheRecord): Promise<void> {
    for (const store of this.#all) await store.set(key, record);
  }

  /** @throws OrchestratorError `NOT_INVALIDATED` where a tier could not be told; the others were. */
  async invalidate(scope: InvalidationMark["scope"], name: string): Promise<void> {
    // What others have kept so far is to be earlier than this.
    this.#disk?.refresh(true);
    await this.#redis?.refresh(true);
    const mark = { scope, name, at: this.clock.now() };
    this.#invalidations.add(mark);
    const failures: unknown[] = [];
    for (const store of this.#all) {
      try {
        await store.invalidate(mark);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** The right to compute a key, of the widest tier that is shared and answers. */
  async lease(key: string): Promise<CacheLease | undefined> {
    try {
      const lease = await this.#redis?.lease(key);
      if (this.#redis !== undefined && lease !== "unavailable") return lease;
      return this.#disk === undefined ? anybody : this.#disk.lease(key);
    } catch (error) {
      this.trouble.report("disk", "write", (error as Error).message);
      return anybody;
    }
  }

  async stats(): Promise<CacheTierStats[]> {
    return Promise.all(this.#all.map((store) => store.stats()));
  }

  compact(): void {
    this.#disk?.compact();
  }

  async close(): Promise<void> {
    for (const store of this.#all) await store.close();
  }

  #check(key: string, record: CacheRecord): Found {
    const now = Date.now();
    if (!this.#invalidations.allows(key, record)) return "invalidated";
    if (record.usableUntil <= now) return "expired";
    return { record, stale: record.freshUntil <= now };
  }
}

/** Where nobody else shares the cache. */
const anybody: CacheLease = { release: () => undefined };
