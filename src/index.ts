/** `orchestrator-executor`: everything that is public. */

export * from "./distributed.js";
export * from "./journal.js";
export * from "./monitor.js";
export * from "./optimized.js";
export * from "./parallel.js";
export * from "./sandbox.js";
