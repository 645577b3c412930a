/** Options of a worker, checked once. */
import { availableParallelism, hostname, totalmem } from "node:os";
import { Checker } from "../../../model/check.js";
import { ModuleRegistry } from "../modules.js";
import { type CheckedClusterOptions, checkClusterOptions, clusterOptionNames } from "../options.js";
import type { RemoteWorkerOptions } from "./start-worker.js";

const optionNames = [
  ...clusterOptionNames,
  "tasks",
  "commands",
  "concurrency",
  "cpu",
  "memory",
  "resources",
  "id",
  "drainTimeout",
] as const satisfies readonly (keyof RemoteWorkerOptions)[];

export interface CheckedWorkerOptions extends CheckedClusterOptions {
  readonly modules: ModuleRegistry;
  readonly commands: readonly string[];
  readonly concurrency: number;
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly id: string;
  readonly drainTimeoutMs: number;
}

const mostResources = 4;

/** @throws InvalidOptionError with everything that is wrong. */
export function checkWorkerOptions(options: RemoteWorkerOptions): CheckedWorkerOptions {
  const check = new Checker("worker");
  if (!check.object("", options, optionNames)) check.finish();
  const cores = availableParallelism();
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  const resources: Record<string, number> = {};
  for (const [name, amount] of Object.entries(options.resources ?? {})) {
    if (!/^[\w-]{1,50}$/.test(name))
      check.report(`resources.${name}`, "is named by letters, digits, dashes, underscores");
    resources[name] = check.number(`resources.${name}`, amount, { minimum: 0, maximum: 1e9 }, 0);
  }
  const names = Object.keys(resources);
  if (names.length > mostResources) check.report("resources", `takes at most ${mostResources} custom resources`);
  const { id = `${hostname()}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`, tasks = [] } = options;
  if (typeof id !== "string" || !/^[\w.-]{1,200}$/.test(id))
    check.report("id", "takes 1 to 200 letters, digits, dots, dashes and underscores");
  const checked = {
    ...checkClusterOptions(check, options),
    commands: options.commands ?? [],
    concurrency: check.number("concurrency", options.concurrency, { minimum: 1, maximum: 1000, integer: true }, cores),
    cpu: check.number("cpu", options.cpu, { minimum: 0.001, maximum: 1e6 }, cores),
    memoryBytes: check.bytes("memory", options.memory, memory, 1),
    resources,
    id,
    drainTimeoutMs: check.durationMs("drainTimeout", options.drainTimeout, 30_000),
  };
  check.finish();
  return { ...checked, modules: new ModuleRegistry(tasks) };
}
