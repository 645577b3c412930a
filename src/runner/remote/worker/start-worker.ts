/** Starts a worker in this process: `startWorker()`, and what `orchestrator worker` does. */
import { availableParallelism, hostname, totalmem } from "node:os";
import { Checker } from "../../../model/check.js";
import type { Duration, Size } from "../../../model/units.js";
import { type ModuleOption, ModuleRegistry } from "../modules.js";
import {
  type CheckedClusterOptions,
  type ClusterOptions,
  checkClusterOptions,
  clusterOptionNames,
} from "../options.js";

/** What a worker offers. */
export interface RemoteWorkerOptions extends ClusterOptions {
  /** Modules whose exported functions tasks may name; several versions of one may stand beside each other. Default none. */
  readonly tasks?: readonly ModuleOption[];
  /** Programs that `command` tasks may start, as the tasks name them; `["*"]` for all. Default none. */
  readonly commands?: readonly string[];
  /** Attempts at once, from 1 to 1,000. Default: the CPUs available to this process. */
  readonly concurrency?: number;
  /** CPU cores that attempts may declare together. Default: those available to this process. */
  readonly cpu?: number;
  /** Memory that attempts may declare together. Default: that of this machine, or of its container. */
  readonly memory?: Size;
  /** Custom resources: `{ gpu: 1 }`. Tasks that need one come only to workers that have it. Default: none. */
  readonly resources?: Readonly<Record<string, number>>;
  /** Name, unique in the cluster: letters, digits, dots, dashes and underscores. Default: host, process and a random part. */
  readonly id?: string;
  /** How long a drained worker waits for attempts that run, before it hands them back. Default 30 seconds. */
  readonly drainTimeout?: Duration;
}

/** A worker that serves. */
export interface RemoteWorker extends AsyncDisposable {
  /** Its name, unique in the cluster. */
  readonly id: string;
  /** Queues that it serves. */
  readonly queues: readonly string[];
  /** Modules that it offers, as `name@version`. */
  readonly modules: readonly string[];
  /** Attempts that run or wait here. */
  readonly running: number;
  /** Claims nothing more, finishes what runs or hands it back when `drainTimeout` is over, and closes. Idempotent. */
  drain(): Promise<void>;
  /** As `drain`, without waiting for what runs. */
  close(): Promise<void>;
}

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

/**
 * Serves tasks of any coordinator that uses the same Redis, prefix and queue.
 *
 * @example needs Redis
 * await using worker = await startWorker({ connection: "redis://10.0.0.5", commands: ["ffmpeg"], concurrency: 4 });
 * process.once("SIGTERM", () => void worker.drain());
 *
 * @throws InvalidOptionError with everything that is wrong; OrchestratorError `MODULE_NOT_LOADED` where the file of a
 * module cannot be read, `PACKAGE_NOT_FOUND` without the packages bullmq and ioredis, `REDIS_UNAVAILABLE` where Redis refuses
 * this worker. A Redis that is not there is waited for.
 */
export async function startWorker(options: RemoteWorkerOptions = {}): Promise<RemoteWorker> {
  const checked = checkOptions(options);
  const { openWorker } = await import("./open-worker.js");
  return openWorker(checked);
}

function checkOptions(options: RemoteWorkerOptions): CheckedWorkerOptions {
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

const mostResources = 4;
