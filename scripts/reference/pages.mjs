/** The pages of the reference, in reading order: what each is of, and the names that it begins with. Types follow the first name that speaks of them. */
export const pages = [
  {
    file: "parallel-executor.md",
    title: "Parallel executor",
    entries: ["parallel"],
    intro:
      "Graphs of tasks, the executor that runs them, and what they can do. Guides: [running](../running.md), [graphs](../graphs.md), [workers](../workers.md).",
    first: [
      "ParallelExecutor",
      "ExecutionConfig",
      "ExecutionMode",
      "Run",
      "RunResults",
      "ExecutionResult",
      "Task",
      "TaskOptions",
      "TaskGraph",
      "worker",
      "subprocess",
      "command",
      "code",
      "deferred",
      "transfer",
      "TaskContext",
      "RunEvent",
      "TaskQueue",
      "simulate",
      "OrchestratorError",
      "InvalidOptionError",
      "InvalidGraphError",
      "Duration",
      "Size",
      "Observer",
    ],
  },
  {
    file: "sandboxed-executor.md",
    title: "Sandboxed executor",
    entries: ["sandbox"],
    intro:
      "Places for code that nobody trusts. Guides: [sandboxes](../sandboxes.md), [warm starts](../warm-starts.md).",
    first: [
      "SandboxExecutor",
      "SandboxConfig",
      "ExecuteCodeOptions",
      "SandboxExecutionResult",
      "SandboxManager",
      "SandboxSession",
      "ProcessSandboxExecutor",
      "DockerSandboxExecutor",
      "VmSandboxExecutor",
      "SandboxCodeError",
      "UnsupportedLimitError",
    ],
  },
  {
    file: "performance.md",
    title: "Performance",
    entries: ["optimized"],
    intro:
      "What spares work: the cache, batches, pools of resources, calls spread over endpoints. Guides: [performance tuning](../tuning.md), [caching](../caching.md), [batching](../batching.md), [pools and balance](../pools-and-balance.md).",
    first: [
      "OptimizedExecutor",
      "OptimizedConfig",
      "TaskCache",
      "CachePolicy",
      "cacheKeyOf",
      "batch",
      "TaskBatcher",
      "ResourcePool",
      "WorkerPool",
      "LoadBalancer",
    ],
  },
  {
    file: "monitoring.md",
    title: "Monitoring",
    entries: ["monitor", "opentelemetry"],
    intro:
      "Numbers, traces and reports of runs. Guides: [monitoring](../monitoring.md), [operations](../operations.md).",
    first: [
      "ExecutionMonitor",
      "ExecutionMetrics",
      "prometheusText",
      "prometheusHandler",
      "analyze",
      "writeTrace",
      "TraceWriter",
    ],
  },
  {
    file: "distributed.md",
    title: "Many machines",
    entries: ["distributed"],
    intro: "The same graphs, carried out by workers on other machines. Guide: [scaling out](../scaling.md).",
    first: ["distributed", "startWorker", "readCluster", "DataStore", "isDataReference"],
  },
  {
    file: "journal.md",
    title: "Journals",
    entries: ["journal"],
    intro:
      "What journals of earlier runs tell. A run is journalled by the option `journal` of `run`. Guide: [durable runs](../durable-runs.md).",
    first: ["readJournal", "listRuns"],
  },
  {
    file: "pipeline.md",
    title: "Pipeline files",
    entries: ["pipeline"],
    intro: "Pipeline files from a program of your own. Guide: [the pipeline file](../pipeline-file.md).",
    first: ["loadPipeline", "parsePipeline", "planPipeline", "pipelineJsonSchema", "PipelineError"],
  },
  {
    file: "dashboard.md",
    title: "Live page",
    entries: ["dashboard"],
    intro: "A page in the browser that shows runs while they go on. Guide: [the live page](../dashboard.md).",
    first: ["startDashboard"],
  },
  {
    file: "testing.md",
    title: "Testing",
    entries: ["testing"],
    intro: "What makes tests of graphs quick and repeatable.",
    first: ["SimulatedClock", "World", "seededRandom", "randomTasks"],
  },
];

/** Entries whose names the root gives too. */
export const rootEntries = ["parallel", "sandbox", "optimized", "monitor", "distributed", "journal"];

/** Types that are public only as parts of others, whose insides are no promise. */
export const opaque = new Set([
  "SourceDocument",
  "DocumentPath",
  "Template",
  "TaskTemplates",
  "InputDefinition",
  "HandlerDefinition",
  "pipelineSchema",
  "BatchLimits",
  "OpenBackend",
]);
