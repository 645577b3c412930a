/** What a cluster looks like from outside: workers and what runs on them, queues, runs, counts. */
import type { ClusterOptions } from "./options.js";

/** A worker of a cluster. */
export interface ClusterWorker {
  /** Its name, unique in the cluster. */
  readonly id: string;
  /** Name of its machine. */
  readonly host: string;
  /** Its process on that machine. */
  readonly pid: number;
  /** Queues that it serves. */
  readonly queues: readonly string[];
  /** Attempts that it carries out at once. */
  readonly slots: number;
  /** CPU cores that attempts may declare together. */
  readonly cpu: number;
  /** Bytes that attempts may declare together. */
  readonly memory: number;
  /** Custom resources that it has. */
  readonly resources: Readonly<Record<string, number>>;
  /** `name@version`. */
  readonly modules: readonly string[];
  /** Whether it claims nothing more. */
  readonly draining: boolean;
  /** Attempts that run or wait there; of many, the first 50 are named in `running`. */
  readonly runningCount: number;
  /** What runs or waits there. */
  readonly running: readonly { readonly run: string; readonly task: string; readonly attempt: number }[];
  /** What it has done so far, by kind of end. */
  readonly counts: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** A queue of a cluster. */
export interface ClusterQueue {
  /** Its name. */
  readonly name: string;
  /** Parcels that wait, and that are with workers. */
  readonly waiting: number;
  /** Parcels that are with workers. */
  readonly active: number;
  /** Workers that serve it. */
  readonly workers: number;
}

/** A cluster as it stands. */
export interface ClusterView {
  /** Workers that have given a sign of life within their lease. */
  readonly workers: readonly ClusterWorker[];
  /** Queues that somebody serves or has used. */
  readonly queues: readonly ClusterQueue[];
  /** Runs that are known: when their coordinator was last seen (milliseconds since the epoch), and parcels without an end. */
  readonly runs: readonly { readonly id: string; readonly seenAt: number; readonly unsettledParcels: number }[];
  /** Counted since the prefix was first used: `lost`, `fenced`, `refused`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Bytes that Redis uses, for everything. */
  readonly redisBytes: number;
  /** Records of workers that are not signed with the key that was given. */
  readonly unreadable: readonly string[];
}

/**
 * Looks at the cluster once.
 *
 * @example needs Redis
 * const { workers, queues } = await readCluster({ connection: "redis://10.0.0.5" });
 * console.log(workers.map(({ id, runningCount }) => `${id}: ${runningCount}`), queues);
 *
 * @throws InvalidOptionError; OrchestratorError `REDIS_UNAVAILABLE`.
 */
export async function readCluster(options: ClusterOptions = {}): Promise<ClusterView> {
  const { look } = await import("./look-at-cluster.js");
  return look(options);
}
