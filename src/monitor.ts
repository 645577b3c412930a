/** `orchestrator-executor/monitor`: numbers about runs while they go on. */
export type { Distribution } from "./monitor/distribution.js";
export { type ExecutionMetrics, ExecutionMonitor, type ResourceUtilization } from "./monitor/execution-monitor.js";
