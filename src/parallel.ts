/** `orchestrator-executor/parallel`: graphs of tasks and the executor that runs them. */

export { type SimulatedTask, type Simulation, type SimulationOptions, simulate } from "./core/simulate.js";
export type { RunnerEnforcement } from "./executor/compose.js";
export {
  type ExecutionConfig,
  ExecutionMode,
  type JournalOptions,
  type ResourceLimits,
  type RunOptions,
  type StreamOptions,
} from "./executor/config.js";
export type { RunResults } from "./executor/outcomes.js";
export { ParallelExecutor } from "./executor/parallel-executor.js";
export type { RerunOptions, Run } from "./executor/run.js";
export { type PushOptions, type TakeOptions, TaskQueue, type TaskQueueOptions } from "./executor/task-queue.js";
export type { SpawnedTasks, SpawnOptions, TaskContext, WorkerContext } from "./model/context.js";
export { code, command, deferred, subprocess, type WorkerFunction, worker } from "./model/describe.js";
export {
  type ErrorCode,
  InvalidGraphError,
  InvalidOptionError,
  OrchestratorError,
  type Problem,
} from "./model/error.js";
export type * from "./model/event.js";
export {
  type ForEachInputMap,
  type ForEachOptions,
  type GraphTaskOptions,
  type InputMap,
  type InputValues,
  type LoopOptions,
  TaskGraph,
  type TaskHandle,
} from "./model/graph.js";
export type {
  AttemptFacts,
  ExecutionResult,
  FailureReason,
  FailureResult,
  ResourceUsage,
  SuccessResult,
  TaskStatus,
} from "./model/result.js";
export type {
  ConditionContext,
  PlainTaskFunction,
  RetryPolicy,
  Task,
  TaskOptions,
  TaskResources,
  TriggerRule,
} from "./model/task.js";
export { transfer } from "./model/transfer.js";
export type { Duration, Size } from "./model/units.js";
export type {
  CodeWork,
  CodeWorkOptions,
  CommandOptions,
  CommandOutput,
  CommandWork,
  DeferredWork,
  DescribedWork,
  Inputs,
  ProcessWork,
  ResolvedWork,
  TaskFunction,
  ThreadWork,
  Work,
} from "./model/work.js";
export type { Durability, RerunCause, ResumeReport } from "./port/journal.js";
export type {
  AttemptEndDetails,
  AttemptTrace,
  FunctionBatch,
  HeldAmounts,
  Observer,
  RunTally,
  TalliedRun,
  TracedAttempt,
} from "./port/observer.js";
export type { LimitEnforcement } from "./port/runner.js";
