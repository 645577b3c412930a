/** `orchestrator-executor/optimized`: batches, pools of resources, and calls spread over endpoints. */
export {
  type BatchContext,
  type BatchHandler,
  type BatchOptions,
  type BatchWork,
  batch,
  type ItemOutput,
} from "./model/batch.js";
export type { AcquireOptions, Lease, ResourceSource, ResourceSources, ResourceValues } from "./model/pool.js";
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
  type BatcherMetrics,
  type BatchItemOptions,
  TaskBatcher,
  type TaskBatcherOptions,
} from "./optimize/batch/task-batcher.js";
export type { PoolWarning, ResourcePoolOptions } from "./optimize/pool/options.js";
export { type PoolStats, ResourcePool } from "./optimize/pool/resource-pool.js";
