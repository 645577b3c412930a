/** What is imported. Apart from the suite, so that the process that measures loads nothing else. */
export const contenders = [
  { name: "parallel", specifier: "#src/parallel.js", label: "orchestrator-executor/parallel: `ParallelExecutor`" },
  { name: "root", specifier: "#src/index.js", label: "orchestrator-executor: everything that is public but the page" },
  { name: "p-queue", specifier: "p-queue", label: "p-queue", package: "p-queue" },
  { name: "piscina", specifier: "piscina", label: "Piscina", package: "piscina" },
  { name: "effect", specifier: "effect", label: "Effect", package: "effect" },
  { name: "bullmq", specifier: "bullmq", label: "BullMQ", package: "bullmq" },
  { name: "dbos", specifier: "@dbos-inc/dbos-sdk", label: "DBOS", package: "@dbos-inc/dbos-sdk" },
] as const;
