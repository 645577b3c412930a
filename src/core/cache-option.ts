/** Reads the option `cache` of a task. */
import type { Task, TaskCacheOption } from "../model/task.js";
import { type Duration, parseDurationMs } from "../model/units.js";

const optionNames: Readonly<Record<keyof TaskCacheOption, true>> = {
  version: true,
  ttl: true,
  staleWhileRevalidate: true,
  failures: true,
  files: true,
  tags: true,
  key: true,
};

const plainCache: TaskCacheOption = Object.freeze({});

/** How the task's output is cached, or `undefined` where it is not. */
export function cacheOptionOf({ cache, version }: Task): TaskCacheOption | undefined {
  if (cache === undefined || cache === false) return undefined;
  const option = cache === true ? plainCache : cache;
  return version === undefined || option.version !== undefined ? option : { ...option, version };
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
