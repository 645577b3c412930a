/** What a cache of results is made of, as a caller writes it. */
import type { Duration, Size } from "./units.js";

/** A Redis server that several machines share. The package `ioredis` must be installed. */
export interface SharedCacheOptions {
  /** `"redis://user:password@host:6379/0"`, or `rediss:` for TLS. */
  readonly url: string;
  /** Before every key. Default `"orchestrator:cache:"`. */
  readonly prefix?: string;
  /** Longest wait for an answer; after it the tier is passed over. Default 1 s. */
  readonly timeout?: Duration;
}

/** Where a cache keeps values, how many, and for how long. */
export interface TaskCacheOptions {
  /** Most bytes in this process's memory; 0 for none. Default `"64MiB"`. */
  readonly maxMemory?: Size;
  /** Folder of the durable tier, made where it is missing. Any number of processes of one machine may share it. Default: no durable tier. */
  readonly directory?: string;
  /** Most bytes in the folder; the oldest go when it is exceeded. Default `"1GiB"`. */
  readonly maxDisk?: Size;
  /** The tier that machines share: its options, or its URL alone. Default: none. */
  readonly redis?: string | SharedCacheOptions;
  /** How long a value is given. Default: for ever. */
  readonly ttl?: Duration;
  /** How long after that it is still given while a new one is made. Default 0. */
  readonly staleWhileRevalidate?: Duration;
  /** How long a failure is given, where a task's own code failed. Default 0: failures are not kept. */
  readonly failures?: Duration;
  /** What becomes of an attempt whose inputs or work have no key: it runs without the cache (default), or fails (`NOT_KEYABLE`). */
  readonly onUnkeyable?: "run" | "fail";
}
