/** `orchestrator-executor/opentelemetry`: runs as spans and metrics. Needs `@opentelemetry/api` beside it. */
export { type OpenTelemetryOptions, openTelemetry } from "./monitor/opentelemetry.js";
