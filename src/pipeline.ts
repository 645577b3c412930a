/** `orchestrator-executor/pipeline`: pipeline files from a program of your own. It loads more than the root does; see docs/pipeline-file.md. */
export { loadPipeline, type ParseOptions, parsePipeline } from "./pipeline/load.js";
export type { Pipeline, PipelineTask } from "./pipeline/pipeline.js";
export { type PipelineOutputs, type PipelinePlan, type PlanOptions, planPipeline } from "./pipeline/plan.js";
export { PipelineError, type PipelineProblem } from "./pipeline/problem.js";
export { type PipelineDefinition, pipelineJsonSchema, type TaskDefinition } from "./pipeline/schema.js";
