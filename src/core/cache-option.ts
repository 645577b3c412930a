/** Reads the option `cache` of a task, and the options of a cache. */
import type { TaskCacheOptions } from "../model/cache.js";
import { Checker } from "../model/check.js";
import type { CachePolicy, Task } from "../model/task.js";
import { type Duration, parseDurationMs } from "../model/units.js";

const optionNames: Readonly<Record<keyof CachePolicy, true>> = {
  version: true,
  ttl: true,
  staleWhileRevalidate: true,
  failures: true,
  files: true,
  tags: true,
  key: true,
};

const plainCache: CachePolicy = Object.freeze({});

/** What holds for tasks that say nothing. */
export interface CacheDefaults {
  /** Whether outputs of work whose code can be seen, or has a version, are cached without being asked for. */
  readonly unasked: boolean;
  readonly ttl?: Duration;
}

export const askedOnly: CacheDefaults = { unasked: false };

/** How the task's output is cached, or `undefined` where it is not. */
export function cacheOptionOf(task: Task, defaults: CacheDefaults): CachePolicy | undefined {
  const { cache = defaults.unasked && showsItsCode(task), version } = task;
  if (cache === false) return undefined;
  const { ttl } = defaults;
  const option = cache === true ? plainCache : cache;
  if ((version === undefined || option.version !== undefined) && (ttl === undefined || option.ttl !== undefined))
    return option;
  return { ...(ttl === undefined ? {} : { ttl }), ...(version === undefined ? {} : { version }), ...option };
}

/** Whether something comes before the task's function: a cache is asked, or resources are taken. */
export function isHandedOver({ cache, use, version }: Task, { unasked }: CacheDefaults): boolean {
  return use !== undefined || (cache ?? (unasked && version !== undefined)) !== false;
}

/** Whether a change of the code would be seen. What a command does is more often an effect than a value, so it has to be asked for. */
function showsItsCode({ run, version }: Task): boolean {
  if (runsHere(run)) return version !== undefined;
  return typeof run === "object" && (run.kind === "thread" || run.kind === "process" || run.kind === "code");
}

/** Reports everything that is wrong with the option. */
export function checkCacheOption(task: Task, report: (message: string) => void): void {
  const { cache, run } = task;
  if (cache === undefined || typeof cache === "boolean") {
    if (cache === true && task.version === undefined && runsHere(run)) report(needsVersion);
    return;
  }
  if (typeof cache !== "object" || cache === null || Array.isArray(cache)) {
    report("cache: takes true, false or an object such as { ttl: 3600 }");
    return;
  }
  for (const key of Object.keys(cache))
    if (!Object.hasOwn(optionNames, key))
      report(`cache.${key}: unknown option; known: ${Object.keys(optionNames).join(", ")}`);
  const { version, files, tags, key } = cache;
  if (version === undefined && task.version === undefined && runsHere(run)) report(needsVersion);
  if (version !== undefined && typeof version !== "string" && !Number.isFinite(version))
    report("cache.version: takes a string or a number");
  checkLifetime("ttl", cache.ttl, report);
  checkLifetime("staleWhileRevalidate", cache.staleWhileRevalidate, report);
  checkLifetime("failures", cache.failures, report);
  checkStrings("files", files, report);
  checkStrings("tags", tags, report);
  if (key !== undefined && typeof key !== "function") report("cache.key: takes a function of the inputs");
}

const needsVersion =
  "cache: a function of this process takes { version: ... }, because nothing can tell when its code changes; raise it when the code gives something else";

/** Whether the task's code is a function of this process. */
function runsHere(run: Task["run"]): boolean {
  return typeof run === "function" || run?.kind === "batch";
}

function checkLifetime(name: string, value: Duration | undefined, report: (message: string) => void): void {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return;
  try {
    parseDurationMs(value);
  } catch (error) {
    report(`cache.${name}: ${(error as Error).message}`);
  }
}

function checkStrings(name: string, value: unknown, report: (message: string) => void): void {
  const isList = Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
  if (value !== undefined && !isList) report(`cache.${name}: takes an array of strings`);
}

/** Options of a cache, checked. */
export interface ResolvedCacheOptions {
  readonly memoryBytes: number;
  readonly directory: string | undefined;
  readonly diskBytes: number;
  readonly redis: { readonly url: string; readonly prefix: string; readonly timeoutMs: number } | undefined;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly failuresMs: number;
  readonly onUnkeyable: "run" | "fail";
}

const cacheOptionNames = [
  "maxMemory",
  "directory",
  "maxDisk",
  "redis",
  "ttl",
  "staleWhileRevalidate",
  "failures",
  "onUnkeyable",
] as const satisfies readonly (keyof TaskCacheOptions)[];

/** @throws InvalidOptionError with everything that is wrong. */
export function resolveCacheOptions(options: TaskCacheOptions): ResolvedCacheOptions {
  const check = new Checker("cache");
  if (!check.object("", options, cacheOptionNames)) check.finish();
  const directory = check.string("directory", options.directory, undefined);
  if (directory === "") check.report("directory", "is empty");
  const resolved: ResolvedCacheOptions = {
    memoryBytes: check.bytes("maxMemory", options.maxMemory, 64 * 2 ** 20),
    directory,
    diskBytes: check.bytes("maxDisk", options.maxDisk, 2 ** 30, 2 ** 20),
    redis: readRedis(check, options.redis),
    ttlMs: lifetime(check, "ttl", options.ttl, Number.POSITIVE_INFINITY),
    staleMs: lifetime(check, "staleWhileRevalidate", options.staleWhileRevalidate, 0),
    failuresMs: lifetime(check, "failures", options.failures, 0),
    onUnkeyable: check.oneOf("onUnkeyable", options.onUnkeyable, ["run", "fail"], "run"),
  };
  check.finish();
  return resolved;
}

/** Milliseconds; `Infinity` is for ever. */
function lifetime(check: Checker, name: string, value: Duration | undefined, fallback: number): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  return check.durationMs(name, value, fallback);
}

function readRedis(check: Checker, given: TaskCacheOptions["redis"]): ResolvedCacheOptions["redis"] {
  if (given === undefined) return undefined;
  const options = typeof given === "string" ? { url: given } : given;
  if (!check.object("redis", options, ["url", "prefix", "timeout"])) return undefined;
  const url = check.string("redis.url", options.url, "");
  if (!/^rediss?:\/\//.test(url)) check.report("redis.url", 'takes a URL such as "redis://127.0.0.1:6379"');
  return {
    url,
    prefix: check.string("redis.prefix", options.prefix, "orchestrator:cache:"),
    timeoutMs: check.durationMs("redis.timeout", options.timeout as Duration | undefined, 1000, 1),
  };
}
