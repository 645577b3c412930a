/** Options of a cache, checked once. */
import type { TaskCacheOptions } from "../model/cache.js";
import { Checker } from "../model/check.js";
import type { Duration } from "../model/units.js";

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

const optionNames = [
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
  if (!check.object("", options, optionNames)) check.finish();
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
