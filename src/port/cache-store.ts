/**
 * The port to one tier of the cache: memory, disk, a server that is shared. A tier holds records by key and knows what
 * has been declared invalid; what is in a record is none of its concern.
 *
 * A tier never throws and never rejects: what goes wrong is told to `CacheTrouble`, and the answer is a miss. Only who
 * declares something invalid has to know that it was not.
 */

/** What is kept under a key. */
export interface CacheRecord {
  /** The encoded value. */
  readonly bytes: Uint8Array;
  /** When the execution that gave the value began, in milliseconds since the epoch: what was declared invalid after that concerns it. */
  readonly startedAt: number;
  /** Until when the value is given, and until when it may still be given while a new one is made; `Infinity` for ever. */
  readonly freshUntil: number;
  readonly usableUntil: number;
  /** Name of the task that gave it. */
  readonly task: string;
  readonly tags: readonly string[];
  /** Whether the bytes tell of a failure. */
  readonly failure: boolean;
}

/** What is declared invalid: whatever of it was begun before `at`. */
export interface InvalidationMark {
  readonly scope: "key" | "task" | "tag" | "all";
  /** The key, task or tag; empty for `all`. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The right to compute one key, held by one process at a time. Renewed until it is released. */
export interface CacheLease {
  release(): void | Promise<void>;
}

/** What a tier says of itself. */
export interface CacheTierStats {
  /** `"memory"`, `"disk"` or `"redis"`. */
  readonly tier: string;
  /** How many values are in it. */
  readonly entries: number;
  /** Bytes that they take. */
  readonly bytes: number;
}

export interface CacheStore {
  readonly tier: string;
  /** Whether it answers at once. */
  readonly local: boolean;
  get(key: string): CacheRecord | undefined | Promise<CacheRecord | undefined>;
  set(key: string, record: CacheRecord): void | Promise<void>;
  /** Makes a mark known to all who share the tier. @throws OrchestratorError `NOT_INVALIDATED` */
  invalidate(mark: InvalidationMark): void | Promise<void>;
  /** Takes notice of what others did. `force` where it must be all of it, otherwise what is due. */
  refresh(force: boolean): void | Promise<void>;
  /** The right to compute a key, or `undefined` where another process has it; absent where nobody else shares the tier. */
  lease?(key: string): CacheLease | undefined | Promise<CacheLease | undefined | "unavailable">;
  stats(): CacheTierStats | Promise<CacheTierStats>;
  close(): void | Promise<void>;
}

/** What tiers tell when something is wrong with them. */
export interface CacheTrouble {
  report(tier: string, kind: "corrupt" | "write" | "read" | "format" | "unavailable", message: string): void;
}

/** A cache that executors can be given: a `TaskCache`. */
export interface ServingCache {
  readonly servesAttempts: true;
  close(): Promise<void>;
}
