/** `orchestrator-executor/monitor`: numbers about runs while they go on. */
export { analyze, type Bound, type ChainPiece, type RunAnalysis } from "./core/analysis.js";
export type { Distribution } from "./monitor/distribution.js";
export {
  ExecutionMonitor,
  type ExecutionMonitorOptions,
  type SubscribeOptions,
} from "./monitor/execution-monitor.js";
export type {
  ExecutionMetrics,
  MonitorSnapshot,
  NamedTaskMetrics,
  PoolUse,
  ResourceUtilization,
  RunInProgress,
  TaskMetrics,
  WindowMetrics,
} from "./monitor/metrics.js";
export { prometheusHandler, prometheusText } from "./monitor/prometheus.js";
export { type TraceOptions, TraceWriter, writeTrace } from "./monitor/trace.js";
