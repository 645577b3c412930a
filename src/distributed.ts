/** `orchestrator-executor/distributed`: the same graphs on many machines. */

export type { Backend } from "./port/backend.js";
export { type ClusterQueue, type ClusterView, type ClusterWorker, readCluster } from "./runner/remote/cluster.js";
export type { RedisConnection } from "./runner/remote/connection-url.js";
export type { DataOptions, FileDataOptions, S3DataOptions } from "./runner/remote/data/options.js";
export { type DataReference, isDataReference } from "./runner/remote/data/reference.js";
export { DataStore } from "./runner/remote/data/store.js";
export {
  type DistributedBackend,
  type DistributedOptions,
  type DistributedStats,
  distributed,
} from "./runner/remote/distributed.js";
export type { ModuleOption } from "./runner/remote/modules.js";
export type { ClusterOptions } from "./runner/remote/options.js";
export { type RemoteWorker, type RemoteWorkerOptions, startWorker } from "./runner/remote/worker/start-worker.js";
