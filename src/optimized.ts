/** `orchestrator-executor/optimized`: a cache of results, batches, pools of resources and threads, and calls spread over endpoints. */
export { type OptimizedConfig, OptimizedExecutor } from "./executor/optimized-executor.js";
export {
  type BatchContext,
  type BatchHandler,
  type BatchOptions,
  type BatchWork,
  batch,
  type ItemOutput,
} from "./model/batch.js";
export type { SharedCacheOptions, TaskCacheOptions } from "./model/cache.js";
export type { AcquireOptions, Lease, ResourceSource, ResourceSources, ResourceValues } from "./model/pool.js";
export type { CachePolicy } from "./model/task.js";
export type { CircuitBreakerOptions, CircuitState } from "./optimize/balance/circuit-breaker.js";
export {
  type BalancedCall,
  type BalancedRunOptions,
  type Endpoint,
  type EndpointStatus,
  LoadBalancer,
  type LoadBalancerOptions,
} from "./optimize/balance/load-balancer.js";
export type { BalanceStrategy } from "./optimize/balance/strategies.js";
export {
  type BatcherStats,
  type BatchItemOptions,
  TaskBatcher,
  type TaskBatcherOptions,
} from "./optimize/batch/task-batcher.js";
export type { CacheExplanation } from "./optimize/cache/explanations.js";
export {
  type CacheEntryOptions,
  type CacheHit,
  type CacheStats,
  type ComputeOptions,
  type InvalidationTarget,
  TaskCache,
} from "./optimize/cache/task-cache.js";
export { cacheKeyOf } from "./optimize/fingerprint/fingerprint.js";
export type { PoolWarning, ResourcePoolOptions } from "./optimize/pool/options.js";
export { type PoolStats, ResourcePool } from "./optimize/pool/resource-pool.js";
export type { CacheTierStats, ServingCache } from "./port/cache-store.js";
export type { WorkerPoolOptions } from "./runner/thread/options.js";
export { WorkerPool } from "./runner/thread/worker-pool.js";
