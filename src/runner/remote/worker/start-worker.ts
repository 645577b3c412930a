/** Starts a worker in this process: `startWorker()`, and what `orchestrator worker` does. */
import type { Duration, Size } from "../../../model/units.js";
import type { ModuleOption } from "../modules.js";
import type { ClusterOptions } from "../options.js";

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
  const { checkWorkerOptions } = await import("./check-options.js");
  const checked = checkWorkerOptions(options);
  const { openWorker } = await import("./open-worker.js");
  return openWorker(checked);
}
