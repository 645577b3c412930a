/** `orchestrator-executor/dashboard`: a page in the browser that shows runs while they go on. */
export { type Dashboard, type DashboardExecutor, type DashboardOptions, startDashboard } from "./dashboard/index.js";
