/**
 * The cache of what tasks gave: values by the digest of all that they depend on, in memory, on disk and on a server that
 * machines share, each computed by one caller at a time.
 */
import { type ResolvedCacheOptions, resolveCacheOptions } from "../../core/cache-option.js";
import type { TaskCacheOptions } from "../../model/cache.js";
import { asError, type ErrorData, fromErrorData, InvalidOptionError, toErrorData } from "../../model/error.js";
import type { FailureReason } from "../../model/result.js";
import type { Duration } from "../../model/units.js";
import { parseDurationMs } from "../../model/units.js";
import type { CacheRecord, CacheTierStats, InvalidationMark, ServingCache } from "../../port/cache-store.js";
import { decodeValue, encodeValue, Unstorable } from "./codec.js";
import { type CacheExplanation, Explanations, type KnownKey } from "./explanations.js";
import { type ExecutionEnd, type FlightMember, Flights } from "./flights.js";
import { StoredRecord } from "./record-codec.js";
import { type Found, Tiers } from "./tiers.js";

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

/** @internal Lifetimes of an entry in milliseconds. */
export interface EntryTerms {
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly failuresMs: number;
  readonly tags: readonly string[];
  readonly task: string;
}

type Outcome = "hits" | "staleHits" | "joined" | "misses" | "unkeyable" | "unstorable";

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
  /** @internal */
  readonly options: ResolvedCacheOptions;
  /** @internal */
  readonly tiers: Tiers;
  /** @internal */
  readonly flights = new Flights();
  readonly #explanations = new Explanations();
  readonly #counts: Record<Outcome, number> = {
    hits: 0,
    staleHits: 0,
    joined: 0,
    misses: 0,
    unkeyable: 0,
    unstorable: 0,
  };
  #closed: Promise<void> | undefined;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(options: TaskCacheOptions = {}) {
    this.options = resolveCacheOptions(options);
    this.tiers = new Tiers(this.options);
  }

  /** The value of a key, or `undefined` where there is none; a value that is `undefined` is a hit. */
  async get<Value = unknown>(key: string): Promise<CacheHit<Value> | undefined> {
    const here = this.tiers.findHere(key);
    const end = this.endOf(typeof here === "string" && !this.tiers.local ? await this.tiers.find(key) : here);
    if (end?.kind !== "succeeded") {
      this.count("misses");
      return undefined;
    }
    this.count(end.stale ? "staleHits" : "hits");
    return { value: end.output as Value, stale: end.stale };
  }

  /** Keeps a value; says whether it can be kept. */
  async set(key: string, value: unknown, options: CacheEntryOptions = {}): Promise<boolean> {
    const end = { kind: "succeeded", output: value } as const;
    return (await this.#keep(key, end, this.termsOf(options), this.tiers.clock.now())) !== undefined;
  }

  /**
   * The value of a key: the one that is there, or else what `compute` gives. However many ask at once, in this process and
   * in others that share a tier, one computes. What `compute` throws is thrown to all who wait.
   */
  async getOrCompute<Value>(
    key: string,
    compute: (signal: AbortSignal) => Value | PromiseLike<Value>,
    options: ComputeOptions = {},
  ): Promise<Value> {
    const { signal } = options;
    signal?.throwIfAborted();
    const terms = this.termsOf(options);
    const found = this.endOf(await this.tiers.find(key));
    if (found !== undefined) {
      this.count(found.stale ? "staleHits" : "hits");
      if (found.stale) this.#join(key, terms, compute, undefined).catch(() => undefined);
      return outputOf(found) as Value;
    }
    return this.#join(key, terms, compute, signal) as Promise<Value>;
  }

  /**
   * Has everything of a key, a task or a tag computed anew, whatever is running now included.
   * @throws InvalidOptionError where not exactly one of the three is given.
   * @throws OrchestratorError `NOT_INVALIDATED` where a shared tier could not be told: this process gives no old value any more, others may.
   */
  async invalidate(target: InvalidationTarget): Promise<void> {
    const named = Object.entries(target).filter(([, name]) => name !== undefined);
    const [[scope, name]] = named.length === 1 ? (named as [[string, unknown]]) : [["", undefined]];
    if (!["key", "task", "tag"].includes(scope) || typeof name !== "string")
      throw new InvalidOptionError([
        { where: "target", message: "takes exactly one of { key }, { task } and { tag }, with a string" },
      ]);
    await this.tiers.invalidate(scope as InvalidationMark["scope"], name);
  }

  /** Has everything computed anew. @throws OrchestratorError `NOT_INVALIDATED`, as `invalidate` does. */
  async clear(): Promise<void> {
    await this.tiers.invalidate("all", "");
  }

  /** Why a task hit or missed the last time: in this process, or else when its value was last kept. */
  async explain(taskId: string): Promise<CacheExplanation | undefined> {
    return this.#explanations.get(taskId) ?? (await this.knownKey(taskId))?.explanation;
  }

  /** Rewrites the folder without what has expired, was declared invalid or replaced. It does so by itself from time to time. */
  compact(): void {
    this.tiers.compact();
  }

  /** What it has done so far, and what is in it. */
  async stats(): Promise<CacheStats> {
    return { ...this.#counts, trouble: this.tiers.trouble.counts, tiers: await this.tiers.stats() };
  }

  /** Gives back memory, files and connections, when what is being computed has ended. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.flights.settled().then(() => this.tiers.close());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // What serves attempts.

  /** @internal */
  count(outcome: Outcome): void {
    this.#counts[outcome]++;
  }

  /** @internal What a record says, or `undefined` where there is none that can be read. */
  endOf(found: Found): (ExecutionEnd & { readonly stale: boolean }) | undefined {
    if (typeof found === "string") return undefined;
    const { record, stale } = found;
    try {
      const value = record instanceof StoredRecord ? record.value() : decodeValue(record.bytes);
      if (!record.failure) return { kind: "succeeded", output: value, stale };
      const { error, reason } = value as { error: ErrorData; reason: FailureReason };
      return { kind: "failed", failure: { error: fromErrorData(error), reason }, stale };
    } catch (error) {
      this.tiers.trouble.report("any", "corrupt", asError(error).message);
      return undefined;
    }
  }

  /** @internal */
  termsOf({ ttl, staleWhileRevalidate, failures, tags = [], task = "" }: CacheEntryOptions): EntryTerms {
    const { ttlMs, staleMs, failuresMs } = this.options;
    return {
      ttlMs: milliseconds(ttl, ttlMs),
      staleMs: milliseconds(staleWhileRevalidate, staleMs),
      failuresMs: milliseconds(failures, failuresMs),
      tags,
      task,
    };
  }

  /** @internal Joins the execution of a key; gives how to leave. `mayKeep` is asked when it has ended. */
  join(
    key: string,
    terms: EntryTerms,
    member: FlightMember,
    mayKeep: () => boolean = () => true,
  ): (reason: Error) => void {
    return this.flights.join(key, member, {
      look: async () => {
        const end = this.endOf(await this.tiers.find(key, true));
        return end?.stale === true ? undefined : end;
      },
      lease: () => this.tiers.lease(key),
      now: () => this.tiers.clock.now(),
      keep: async (end, startedAt) => {
        const bytes = mayKeep() ? await this.#keep(key, end, terms, startedAt) : encodeEnd(end);
        if (bytes === undefined || bytes instanceof Unstorable) return () => end;
        const record = { ...emptyRecord, bytes, failure: end.kind === "failed" };
        return () => this.endOf({ record, stale: false }) ?? end;
      },
    });
  }

  /** @internal */
  explained(explanation: CacheExplanation): void {
    this.#explanations.set(explanation);
  }

  /** @internal The parts of the last key of a task, as they were kept. */
  async knownKey(taskId: string): Promise<KnownKey | undefined> {
    const end = this.endOf(await this.tiers.find(explanationKey(taskId)));
    return end?.kind === "succeeded" ? (end.output as KnownKey) : undefined;
  }

  /** @internal */
  async rememberKey(taskId: string, known: KnownKey): Promise<void> {
    const bytes = encodeValue(known);
    if (bytes instanceof Unstorable) return;
    await this.tiers.keep(explanationKey(taskId), { ...emptyRecord, bytes, startedAt: this.tiers.clock.now() });
  }

  /** The bytes that were kept. */
  async #keep(
    key: string,
    end: ExecutionEnd,
    { ttlMs, staleMs, failuresMs, tags, task }: EntryTerms,
    startedAt: number,
  ): Promise<Uint8Array | undefined> {
    const bytes = encodeEnd(end);
    if (bytes === undefined) return undefined;
    if (bytes instanceof Unstorable) {
      this.count("unstorable");
      return undefined;
    }
    const failure = end.kind === "failed";
    const lifetimeMs = failure ? failuresMs : ttlMs;
    if (lifetimeMs <= 0 || (failure && !isOwnFailure(end))) return bytes;
    const freshUntil = Date.now() + lifetimeMs;
    const usableUntil = failure ? freshUntil : freshUntil + staleMs;
    await this.tiers.keep(key, { bytes, startedAt, freshUntil, usableUntil, task, tags, failure });
    return bytes;
  }

  #join(
    key: string,
    terms: EntryTerms,
    compute: (signal: AbortSignal) => unknown,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => leave(asError(signal!.reason));
      const leave = this.join(key, terms, {
        lead: (ended) => {
          this.count("misses");
          return computation(compute, ended);
        },
        joined: () => this.count("joined"),
        ended: (end) => {
          signal?.removeEventListener("abort", onAbort);
          if (end.kind === "stopped") reject(signal?.reason ?? new Error("the computation was stopped"));
          else {
            try {
              resolve(outputOf(end));
            } catch (error) {
              reject(error);
            }
          }
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

const emptyRecord: CacheRecord = {
  bytes: new Uint8Array(),
  startedAt: 0,
  freshUntil: Number.POSITIVE_INFINITY,
  usableUntil: Number.POSITIVE_INFINITY,
  task: "",
  tags: [],
  failure: false,
};

/** A function that is called to its end; an abort is its signal's, and what it gives after that is dropped. */
function computation(
  compute: (signal: AbortSignal) => unknown,
  ended: (end: ExecutionEnd) => void,
): { abort(reason: Error): void } {
  const controller = new AbortController();
  new Promise((resolve) => resolve(compute(controller.signal))).then(
    (output) => ended({ kind: "succeeded", output }),
    (thrown) => ended({ kind: "failed", failure: { error: asError(thrown), reason: { kind: "error" } } }),
  );
  return {
    abort(reason) {
      controller.abort(reason);
      ended({ kind: "stopped" });
    },
  };
}

function outputOf(end: ExecutionEnd): unknown {
  if (end.kind === "succeeded") return end.output;
  throw end.kind === "failed" ? end.failure.error : end.kind === "lost" ? end.error : new Error("stopped");
}

function encodeEnd(end: ExecutionEnd): Uint8Array | Unstorable | undefined {
  if (end.kind === "succeeded") return encodeValue(end.output);
  if (end.kind !== "failed") return undefined;
  const { error, reason } = end.failure;
  return encodeValue({ error: plain(toErrorData(error)), reason: plain(reason) });
}

/** Without what JSON would leave out, so that both forms are the same. */
function plain(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data));
}

/** Whether it is what the task's own code did, and not what became of the machine or of a limit. */
function isOwnFailure({ failure }: ExecutionEnd & { kind: "failed" }): boolean {
  const { kind } = failure.reason;
  return kind === "error" || kind === "exit-code" || (kind === "sandbox" && failure.reason.verdict === "error");
}

function milliseconds(value: Duration | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  return value === Number.POSITIVE_INFINITY ? value : parseDurationMs(value);
}

function explanationKey(taskId: string): string {
  return `#explanation of ${taskId}`;
}
