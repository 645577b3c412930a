/**
 * The cache of what tasks gave: values by the digest of all that they depend on, in memory, on disk and on a server that
 * machines share, each computed by one caller at a time.
 */
import type { ResolvedCacheOptions } from "../../core/cache-option.js";
import { asError, type ErrorData, fromErrorData, InvalidOptionError, toErrorData } from "../../model/error.js";
import type { FailureReason } from "../../model/result.js";
import type { Duration } from "../../model/units.js";
import { parseDurationMs } from "../../model/units.js";
import type { CacheRecord, InvalidationMark } from "../../port/cache-store.js";
import { decodeValue, encodeValue, Unstorable } from "./codec.js";
import { type CacheExplanation, Explanations, type KnownKey } from "./explanations.js";
import { type ExecutionEnd, type FlightMember, Flights } from "./flights.js";
import { StoredRecord } from "./record-codec.js";
import type { CacheEntryOptions, CacheHit, CacheStats, ComputeOptions, InvalidationTarget } from "./task-cache.js";
import { type Found, Tiers } from "./tiers.js";

/** Lifetimes of an entry in milliseconds. */
export interface EntryTerms {
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly failuresMs: number;
  readonly tags: readonly string[];
  readonly task: string;
}

type Outcome = "hits" | "staleHits" | "joined" | "misses" | "unkeyable" | "unstorable";

/** The cache behind a `TaskCache`: its tiers, and what goes on in it. */
export class OpenCache {
  readonly options: ResolvedCacheOptions;
  readonly tiers: Tiers;
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

  constructor(options: ResolvedCacheOptions) {
    this.options = options;
    this.tiers = new Tiers(options);
  }

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

  async set(key: string, value: unknown, options: CacheEntryOptions = {}): Promise<boolean> {
    const end = { kind: "succeeded", output: value } as const;
    return (await this.#keep(key, end, this.termsOf(options), this.tiers.clock.now())) !== undefined;
  }

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

  async invalidate(target: InvalidationTarget): Promise<void> {
    const named = Object.entries(target).filter(([, name]) => name !== undefined);
    const [[scope, name]] = named.length === 1 ? (named as [[string, unknown]]) : [["", undefined]];
    if (!["key", "task", "tag"].includes(scope) || typeof name !== "string")
      throw new InvalidOptionError([
        { where: "target", message: "takes exactly one of { key }, { task } and { tag }, with a string" },
      ]);
    await this.tiers.invalidate(scope as InvalidationMark["scope"], name);
  }

  async clear(): Promise<void> {
    await this.tiers.invalidate("all", "");
  }

  async explain(taskId: string): Promise<CacheExplanation | undefined> {
    return this.#explanations.get(taskId) ?? (await this.knownKey(taskId))?.explanation;
  }

  compact(): void {
    this.tiers.compact();
  }

  async stats(): Promise<CacheStats> {
    return { ...this.#counts, trouble: this.tiers.trouble.counts, tiers: await this.tiers.stats() };
  }

  close(): Promise<void> {
    this.#closed ??= this.flights.settled().then(() => this.tiers.close());
    return this.#closed;
  }

  // What serves attempts.

  count(outcome: Outcome): void {
    this.#counts[outcome]++;
  }

  /** What a record says, or `undefined` where there is none that can be read. */
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

  /** Joins the execution of a key; gives how to leave. `mayKeep` is asked when it has ended. */
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

  explained(explanation: CacheExplanation): void {
    this.#explanations.set(explanation);
  }

  /** The parts of the last key of a task, as they were kept. */
  async knownKey(taskId: string): Promise<KnownKey | undefined> {
    const end = this.endOf(await this.tiers.find(explanationKey(taskId)));
    return end?.kind === "succeeded" ? (end.output as KnownKey) : undefined;
  }

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
