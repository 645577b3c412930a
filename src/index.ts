/** `orchestrator-executor`: everything that is public. */
export * from "./parallel.js";
