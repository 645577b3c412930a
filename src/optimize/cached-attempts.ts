/**
 * Serves attempts from the cache, and has those executed that it cannot serve:
 *
 *     key ──none──> executed without the cache, or refused
 *      v
 *     look ──hit──> succeeded, on worker "cache"
 *      │  └─stale─> the same, and a new value is made behind it
 *      v
 *     flight: led (a miss), or joined
 *
 * An execution is nobody's own: it ends when the last attempt that waits for it has left.
 */
import { resolve } from "node:path";
import { resolveCacheOptions } from "../core/cache-option.js";
import type { TaskCacheOptions } from "../model/cache.js";
import { asError, OrchestratorError } from "../model/error.js";
import type { AttemptFacts } from "../model/result.js";
import type { ServingCache } from "../port/cache-store.js";
import type { AttemptInterceptor, InterceptedAttempt } from "../port/interceptor.js";
import type { AttemptControl, AttemptListener } from "../port/runner.js";
import { explainMiss } from "./cache/explanations.js";
import type { ExecutionEnd, FlightMember } from "./cache/flights.js";
import { type EntryTerms, OpenCache } from "./cache/open-cache.js";
import { TaskCache } from "./cache/task-cache.js";
import type { Absent } from "./cache/tiers.js";
import { areUnchanged, type FileStamp } from "./fingerprint/files.js";
import { digestsOf, type KeyParts, keyOf } from "./fingerprint/fingerprint.js";
import { type DescribeCode, WorkIdentities } from "./fingerprint/work-identity.js";

type Execute = (listener: AttemptListener) => AttemptControl;

/** Worker of an attempt that nothing was executed for. */
const cacheWorker = "cache";
/** New values that are made at once behind stale ones. */
const mostRefreshes = 8;

/** @param cache a `TaskCache`, or options of one that is closed with what is made here */
export async function makeCachedAttempts(
  cache: ServingCache | TaskCacheOptions,
  describeCode: DescribeCode,
): Promise<AttemptInterceptor> {
  if (cache instanceof TaskCache) return new CachedAttempts(await cache.open(), describeCode, false);
  return new CachedAttempts(new OpenCache(resolveCacheOptions(cache as TaskCacheOptions)), describeCode, true);
}

interface KeyedAttempt {
  readonly attempt: InterceptedAttempt;
  readonly key: string;
  readonly parts: KeyParts;
  readonly terms: EntryTerms;
  /** Files that the key speaks of. */
  readonly stamps: readonly FileStamp[];
}

class CachedAttempts implements AttemptInterceptor {
  readonly #cache: OpenCache;
  readonly #ownsCache: boolean;
  readonly #identities: WorkIdentities;
  /** How to leave the executions behind stale values, by key. */
  readonly #refreshing = new Map<string, (reason: Error) => void>();

  constructor(cache: OpenCache, describeCode: DescribeCode, ownsCache: boolean) {
    this.#cache = cache;
    this.#ownsCache = ownsCache;
    this.#identities = new WorkIdentities(describeCode);
  }

  start(attempt: InterceptedAttempt, listener: AttemptListener, execute: Execute): AttemptControl {
    const serving = new Serving(listener);
    try {
      if (attempt.work.kind === "inline" && attempt.cache.files === undefined) {
        this.#serve(this.#keyed(attempt, undefined, undefined, []), serving, execute);
        return serving;
      }
    } catch (error) {
      this.#withoutKey(attempt, error, serving, execute);
      return serving;
    }
    this.#identify(attempt).then(
      (keyed) => this.#serve(keyed, serving, execute),
      (error) => this.#withoutKey(attempt, error, serving, execute),
    );
    return serving;
  }

  async close(): Promise<void> {
    const reason = new OrchestratorError("EXECUTOR_CLOSED", "the executor was closed");
    for (const leave of [...this.#refreshing.values()]) leave(reason);
    if (this.#ownsCache) await this.#cache.close();
  }

  async #identify(attempt: InterceptedAttempt): Promise<KeyedAttempt> {
    const { work, cache } = attempt;
    const declared = cache.files !== undefined;
    const identity = work.kind === "inline" ? undefined : await this.#identities.of(work, declared);
    const stamps = [...(identity?.stamps ?? [])];
    const folder = (work.kind === "command" ? work.options.cwd : undefined) ?? process.cwd();
    const files: Record<string, unknown> = {};
    for (const path of cache.files ?? []) {
      files[path] = await this.#identities.files.content(resolve(folder, path), stamps);
    }
    return this.#keyed(attempt, identity?.content, declared ? files : undefined, stamps);
  }

  #keyed(attempt: InterceptedAttempt, work: unknown, files: unknown, stamps: readonly FileStamp[]): KeyedAttempt {
    const { cache, name, inputs } = attempt;
    const parts: KeyParts = {
      task: name,
      version: cache.version,
      work,
      inputs: cache.key === undefined ? inputs : { key: cache.key(inputs) },
      files,
    };
    const terms = this.#cache.termsOf({ ...cache, task: name });
    return { attempt, key: keyOf(parts), parts, terms, stamps };
  }

  #serve(keyed: KeyedAttempt, serving: Serving, execute: Execute): void {
    if (serving.over) return;
    const here = this.#cache.tiers.findHere(keyed.key);
    if (typeof here !== "string" || this.#cache.tiers.local) this.#answer(keyed, here, serving, execute);
    else
      void this.#cache.tiers.find(keyed.key).then((found) => {
        if (!serving.over) this.#answer(keyed, found, serving, execute);
      });
  }

  #answer(keyed: KeyedAttempt, found: Parameters<OpenCache["endOf"]>[0], serving: Serving, execute: Execute): void {
    const end = this.#cache.endOf(found);
    if (end === undefined) {
      this.#fly(keyed, typeof found === "string" ? found : "absent", serving, execute);
      return;
    }
    this.#cache.count(end.stale ? "staleHits" : "hits");
    this.#explain(keyed, end.stale ? "stale" : "hit", "everything that it depends on is as it was");
    if (end.stale) this.#refresh(keyed, execute);
    serving.serve(end, { cache: end.stale ? "stale" : "hit" });
  }

  #fly(keyed: KeyedAttempt, absent: Absent, serving: Serving, execute: Execute): void {
    const { attempt, key, terms } = keyed;
    let joined = false;
    const member: FlightMember = {
      lead: (ended) => {
        this.#cache.count("misses");
        serving.note({ cache: "miss" });
        void this.#explainMiss(keyed, absent);
        return serving.execute(execute, ended);
      },
      joined: () => {
        if (joined) return;
        joined = true;
        this.#cache.count("joined");
        this.#explain(keyed, "joined", "the same was being computed already");
        serving.started(cacheWorker);
      },
      ended: (end, how) => {
        if (how === "led") serving.end(end);
        else serving.serve(end, { cache: joined ? "joined" : "hit" });
      },
    };
    serving.leave = this.#cache.join(key, terms, member, () => this.#mayKeep(attempt, keyed.stamps));
  }

  /** Makes a new value behind a stale one, for whoever comes next. */
  #refresh(keyed: KeyedAttempt, execute: Execute): void {
    const { key, terms, attempt, stamps } = keyed;
    if (this.#refreshing.has(key) || this.#refreshing.size >= mostRefreshes) return;
    const hidden = new Serving(silent);
    const member: FlightMember = {
      lead: (ended) => {
        this.#cache.count("misses");
        return hidden.execute(execute, ended);
      },
      joined: () => undefined,
      ended: () => this.#refreshing.delete(key),
    };
    this.#refreshing.set(key, () => undefined);
    const leave = this.#cache.join(key, terms, member, () => this.#mayKeep(attempt, stamps));
    if (this.#refreshing.has(key)) this.#refreshing.set(key, leave);
  }

  /** Whether what the key speaks of is still what was executed. */
  #mayKeep({ taskId, work }: InterceptedAttempt, stamps: readonly FileStamp[]): boolean {
    if (areUnchanged(stamps)) return true;
    const isModule = work.kind === "thread" || work.kind === "process";
    const remedy = isModule
      ? "modules are loaded once: start a new process"
      : "it will be kept when they stay as they are";
    warnOnce(
      `changed ${taskId}`,
      `the result of task "${taskId}" is not kept: files that it depends on were changed meanwhile; ${remedy}`,
    );
    return false;
  }

  #withoutKey(attempt: InterceptedAttempt, thrown: unknown, serving: Serving, execute: Execute): void {
    const error = asError(thrown);
    this.#cache.count("unkeyable");
    const { taskId } = attempt;
    this.#cache.explained({ taskId, outcome: "unkeyable", reason: error.message, changed: [], at: Date.now() });
    if (serving.over) return;
    if (this.#cache.options.onUnkeyable === "fail") {
      serving.end({
        kind: "failed",
        failure: { error: refusal(taskId, error), reason: { kind: "error" }, retryable: false },
      });
      return;
    }
    warnOnce(`unkeyable ${attempt.name}`, `task "${taskId}" runs without the cache: ${error.message}`);
    serving.execute(execute, (end) => serving.end(end));
  }

  #explain({ attempt, key }: KeyedAttempt, outcome: "hit" | "stale" | "joined", reason: string): void {
    this.#cache.explained({ taskId: attempt.taskId, outcome, reason, changed: [], key, at: Date.now() });
  }

  async #explainMiss({ attempt: { taskId }, key, parts }: KeyedAttempt, absent: Absent): Promise<void> {
    const known = await this.#cache.knownKey(taskId);
    const digests = digestsOf(parts);
    const explanation = {
      taskId,
      outcome: "miss",
      ...explainMiss({ key, digests }, known, absent),
      key,
      at: Date.now(),
    } as const;
    this.#cache.explained(explanation);
    await this.#cache.rememberKey(taskId, { key, digests, explanation });
  }
}

/** One attempt that is being served: at most one execution of its own, and exactly one end. */
class Serving implements AttemptControl {
  readonly #listener: AttemptListener;
  #execution: AttemptControl | undefined;
  #aborted: Error | undefined;
  #hurried = false;
  /** Leaves the flight. */
  leave: ((reason: Error) => void) | undefined;
  over = false;

  constructor(listener: AttemptListener) {
    this.#listener = listener;
  }

  abort(reason: Error): void {
    this.#aborted = reason;
    if (this.over) return;
    if (this.leave !== undefined) this.leave(reason);
    else if (this.#execution !== undefined) this.#execution.abort(reason);
    else this.end({ kind: "stopped" });
  }

  hurry(): void {
    this.#hurried = true;
    this.#execution?.hurry?.();
  }

  started(workerId: string): void {
    if (!this.over) this.#listener.started(workerId);
  }

  note(facts: AttemptFacts): void {
    if (!this.over) this.#listener.noted(facts);
  }

  /** Executes the work. What it tells goes to the attempt while that lasts, its end to whoever waits for it. */
  execute(execute: Execute, ended: (end: ExecutionEnd) => void): { abort(reason: Error): void } {
    const listener: AttemptListener = {
      started: (workerId) => this.started(workerId),
      progress: (value) => {
        if (!this.over) this.#listener.progress(value);
      },
      log: (stream, text) => {
        if (!this.over) this.#listener.log(stream, text);
      },
      noted: (facts) => this.note(facts),
      succeeded: (output, usage) => ended({ kind: "succeeded", output, usage }),
      failed: (failure) => ended({ kind: "failed", failure }),
      lost: (error) => ended({ kind: "lost", error }),
      stopped: (usage) => ended({ kind: "stopped", usage }),
    };
    this.#execution = execute(listener);
    if (this.#aborted !== undefined && this.leave === undefined) this.#execution.abort(this.#aborted);
    else if (this.#hurried) this.#execution.hurry?.();
    return this.#execution;
  }

  /** An end that another's execution gave. */
  serve(end: ExecutionEnd, facts: AttemptFacts): void {
    this.started(cacheWorker);
    this.note(facts);
    this.end(end.kind === "succeeded" ? { kind: "succeeded", output: end.output } : end);
  }

  end(end: ExecutionEnd): void {
    if (this.over) return;
    this.over = true;
    switch (end.kind) {
      case "succeeded":
        this.#listener.succeeded(end.output, end.usage);
        return;
      case "failed":
        this.#listener.failed(end.failure);
        return;
      case "lost":
        this.#listener.lost(end.error);
        return;
      case "stopped":
        this.#listener.stopped(end.usage);
        return;
    }
  }
}

const silent: AttemptListener = {
  started: () => undefined,
  progress: () => undefined,
  log: () => undefined,
  noted: () => undefined,
  succeeded: () => undefined,
  failed: () => undefined,
  lost: () => undefined,
  stopped: () => undefined,
};

function refusal(taskId: string, cause: Error): OrchestratorError {
  return new OrchestratorError("NOT_KEYABLE", `task "${taskId}" cannot be cached: ${cause.message}`, { cause });
}

const warned = new Set<string>();

function warnOnce(topic: string, message: string): void {
  if (warned.has(topic) || warned.size > 1000) return;
  warned.add(topic);
  process.emitWarning(message, { type: "CacheWarning" });
}
