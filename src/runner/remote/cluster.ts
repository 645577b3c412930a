/** What a cluster looks like from outside: workers and what runs on them, queues, runs, counts. */
import { Checker } from "../../model/check.js";
import { type ClusterOptions, checkClusterOptions, clusterOptionNames } from "./options.js";

export interface ClusterWorker {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly queues: readonly string[];
  /** Attempts that it carries out at once. */
  readonly slots: number;
  readonly cpu: number;
  readonly memory: number;
  readonly resources: Readonly<Record<string, number>>;
  /** `name@version`. */
  readonly modules: readonly string[];
  readonly draining: boolean;
  /** Attempts that run or wait there; of many, the first 50 are named in `running`. */
  readonly runningCount: number;
  readonly running: readonly { readonly run: string; readonly task: string; readonly attempt: number }[];
  readonly counts: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export interface ClusterQueue {
  readonly name: string;
  /** Parcels that wait, and that are with workers. */
  readonly waiting: number;
  readonly active: number;
  /** Workers that serve it. */
  readonly workers: number;
}

export interface ClusterView {
  readonly workers: readonly ClusterWorker[];
  readonly queues: readonly ClusterQueue[];
  readonly runs: readonly { readonly id: string; readonly seenAt: number; readonly unsettledParcels: number }[];
  /** Counted since the prefix was first used: `lost`, `fenced`, `refused`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Bytes that Redis uses, for everything. */
  readonly redisBytes: number;
  /** Records of workers that are not signed with the key that was given. */
  readonly unreadable: readonly string[];
}

/** Looks at the cluster once. @throws InvalidOptionError; OrchestratorError `REDIS_UNAVAILABLE`. */
export async function readCluster(options: ClusterOptions = {}): Promise<ClusterView> {
  const check = new Checker("cluster");
  if (!check.object("", options, clusterOptionNames)) check.finish();
  const checked = checkClusterOptions(check, options);
  check.finish();
  const { look } = await import("./look-at-cluster.js");
  return look(checked);
}
