/** Turns a pipeline and the values of one run into what an executor takes: tasks and configuration. */
import type { ExecutionConfig } from "../executor/config.js";
import { OrchestratorError } from "../model/error.js";
import { TaskGraph } from "../model/graph.js";
import type { ExecutionResult } from "../model/result.js";
import type { ConditionContext, RetryPolicy, Task } from "../model/task.js";
import type { Inputs, Work } from "../model/work.js";
import { templatesOf } from "./compile-tasks.js";
import { ExpressionError } from "./expression.js";
import { resolveInputs } from "./inputs.js";
import { type Pipeline, type PipelineTask, taskOnly } from "./pipeline.js";
import { PipelineError, type PipelineProblem } from "./problem.js";
import { type AttemptOptions, describe, forEachRun, loopRun } from "./repeat.js";
import { describeError, ScopeMaker } from "./scope.js";
import { versionOfTask } from "./task-version.js";
import { makeWork, taskRepeats, type WorkPlace } from "./task-work.js";
import type { PlacedExpression, Template } from "./template.js";

/** What `ParallelExecutor` is given, and how its results are read as the pipeline's. */
export interface PipelinePlan {
  /** Name of the pipeline. */
  readonly name: string;
  /** The pipeline that it was made of. */
  readonly pipeline: Pipeline;
  /** Every input with its value. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What an executor is given. */
  readonly graph: TaskGraph;
  /** Without the file's defaults for tasks: those are in the tasks. */
  readonly config: ExecutionConfig;
  /** The pipeline's `outputs`. One that needs a task that did not succeed is among `missing`, with the reason. */
  outputs(results: ReadonlyMap<string, ExecutionResult>): PipelineOutputs;
}

/** What a pipeline gave. */
export interface PipelineOutputs {
  /** Outputs by name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Outputs that could not be made, by name, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

/** What a run of a pipeline is given. */
export interface PlanOptions {
  /** Values of inputs, by name; text is made into an input's type. Default: the defaults of the file. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** Environment that the file's `env` list lets through. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder that a given path starts from. Default: the working directory. */
  readonly workingDirectory?: string;
}

/**
 * Makes the tasks of one run.
 *
 * @example
 * const pipeline = parsePipeline("inputs: { who: world }\ntasks: { greet: { command: [echo, 'hello ${{ inputs.who }}'] } }");
 * const plan = planPipeline(pipeline, { inputs: { who: "you" } });
 * await using executor = new ParallelExecutor(plan.config);
 * console.log((await executor.executeTasks(plan.graph)).get("greet")?.output); // prints hello you
 *
 * @throws PipelineError where inputs are missing or wrong, or an expression over them cannot be evaluated
 */
export function planPipeline(pipeline: Pipeline, options: PlanOptions = {}): PipelinePlan {
  const inputs = resolveInputs(pipeline, options.inputs ?? {}, options);
  const env = visibleEnvironment(pipeline, options.env ?? process.env);
  const place: WorkPlace = { pipeline, scopes: new ScopeMaker(pipeline, { inputs, env }) };
  checkFixedExpressions(place);
  return {
    name: pipeline.name,
    pipeline,
    inputs,
    graph: planGraph(place),
    config: planConfig(pipeline),
    outputs: (results) => evaluateOutputs(place, results),
  };
}

function visibleEnvironment(
  pipeline: Pipeline,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const visible: Record<string, string> = {};
  for (const name of pipeline.definition.env ?? []) {
    const value = environment[name];
    if (value !== undefined) visible[name] = value;
  }
  return visible;
}

/** Evaluates what depends on inputs and environment alone, so that it fails before anything starts. */
function checkFixedExpressions({ pipeline, scopes }: WorkPlace): void {
  const templates = pipeline.tasks.flatMap((task) => templatesOf(task.templates));
  const problems: PipelineProblem[] = [];
  for (const placed of [...templates, ...pipeline.outputs.values()].flatMap((template) => template.expressions)) {
    const problem = problemOfFixed(placed, pipeline, scopes);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) throw new PipelineError(pipeline.file, problems);
}

function problemOfFixed(placed: PlacedExpression, pipeline: Pipeline, scopes: ScopeMaker): PipelineProblem | undefined {
  const { expression, path, offset } = placed;
  if (!expression.references.every(({ name }) => name === "inputs" || name === "env")) return undefined;
  try {
    expression.evaluate(scopes.run);
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const unset = expression.references.find(
      ({ name, path: [variable] }) => name === "env" && variable !== undefined && !(variable in scopes.run.env),
    );
    const message = unset === undefined ? error.message : `the environment variable ${unset.path[0]} is not set`;
    return pipeline.document.problemInString(path, offset + error.start, error.end - error.start, message);
  }
}

function planConfig({ definition }: Pipeline): ExecutionConfig {
  const { maxConcurrentTasks, maxWorkers, maxMemory, maxCpuCores, resources } = definition.limits ?? {};
  return {
    ...(maxConcurrentTasks !== undefined && { maxConcurrentTasks }),
    ...(maxWorkers !== undefined && { maxWorkers }),
    ...(definition.failurePolicy && { failurePolicy: definition.failurePolicy }),
    resourceLimits: {
      ...resources,
      ...(maxMemory !== undefined && { maxMemory }),
      ...(maxCpuCores !== undefined && { maxCpuCores }),
    },
  };
}

function planGraph(place: WorkPlace): TaskGraph {
  const graph = new TaskGraph(place.pipeline.name);
  const problems: PipelineProblem[] = [];
  const { document, file, tasks } = place.pipeline;
  for (const task of tasks) {
    const planned = planOrExplain(task, place);
    if (planned instanceof Error) problems.push(document.problem(task.path, planned.message, "key"));
    if (planned instanceof Error) continue;
    const { id, run, with: constants = {}, inputs: _none, ...options } = planned;
    graph.task(id, constants, run as Work<Inputs, unknown>, options);
  }
  if (problems.length > 0) throw new PipelineError(file, problems);
  return graph;
}

/** What cannot be made of the inputs, such as an argument of a list, is a problem of this run's input, known before it starts. */
function planOrExplain(task: PipelineTask, place: WorkPlace): Task | Error {
  try {
    return planTask(task, place);
  } catch (error) {
    if (error instanceof ExpressionError || (error instanceof OrchestratorError && error.code === "INVALID_OPTION"))
      return error;
    throw error;
  }
}

function planTask(task: PipelineTask, place: WorkPlace): Task {
  const { definition } = task;
  const { trigger, expectedDuration } = taskOnly(definition);
  const when = planCondition(task, place);
  const attempt = attemptOptions(task, place);
  const shared = {
    id: task.id,
    name: task.id,
    version: versionOfTask(task, place.pipeline, place.scopes),
    dependsOn: task.needs,
    ...(definition.priority !== undefined && { priority: definition.priority }),
    ...(definition.totalTimeout !== undefined && { totalTimeout: definition.totalTimeout }),
    ...(expectedDuration !== undefined && { expectedDuration }),
    trigger: task.handles === undefined ? (trigger ?? "all-succeeded") : "any-failed",
    ...(when && { when }),
  } satisfies Partial<Task>;
  if (!taskRepeats(task)) {
    const scopeOf = (context: ConditionContext) => place.scopes.base(task.needs, context);
    return { ...shared, ...attempt, ...makeWork(task, place, scopeOf) };
  }
  const makeRun = task.templates.forEach === undefined ? loopRun : forEachRun;
  return { ...shared, run: makeRun(task, place, attempt) as Task["run"] };
}

/** What holds for each attempt: of the task itself, or of each of its items or iterations. */
function attemptOptions({ definition, templates }: PipelineTask, place: WorkPlace): AttemptOptions {
  const { defaults = {} } = place.pipeline.definition;
  const retry = definition.retry ?? defaults.retry;
  const timeout = definition.timeout ?? defaults.timeout;
  const { priority, resources } = definition;
  return {
    ...(retry !== undefined && { retries: planRetries(retry, templates.retryIf, place.scopes) }),
    ...(timeout !== undefined && { timeout }),
    ...(priority !== undefined && { priority }),
    ...(resources && { resources: resources as NonNullable<Task["resources"]> }),
  };
}

type WrittenRetry = number | (Omit<RetryPolicyShape, "if"> & { readonly if?: string | undefined });
type RetryPolicyShape = { [Key in "delay" | "factor" | "maxDelay" | "jitter"]?: RetryPolicy[Key] | undefined } & {
  attempts: number;
};

function planRetries(retry: WrittenRetry, retryIf: Template | undefined, scopes: ScopeMaker): number | RetryPolicy {
  if (typeof retry === "number") return retry;
  const { if: _condition, ...policy } = retry;
  if (retryIf === undefined) return policy as RetryPolicy;
  const ask = (error: Error, attempt: number) => {
    const answer = retryIf.evaluate({ ...scopes.run, error: describeError(error), attempt });
    if (typeof answer === "boolean") return answer;
    throw new OrchestratorError("INVALID_OPTION", `retry.if takes true or false, got ${describe(answer)}`);
  };
  return { ...(policy as RetryPolicy), retryIf: ask };
}

function planCondition(task: PipelineTask, { scopes }: WorkPlace): NonNullable<Task["when"]> | undefined {
  const { handles, templates } = task;
  if (handles !== undefined) {
    return (context) => {
      const { status } = context.result(handles);
      return status === "failed" || status === "timed-out" || `"${handles}" was ${status}, not failed`;
    };
  }
  const { when } = templates;
  if (when === undefined) return undefined;
  const words =
    when.expressions.length === 1
      ? when.expressions[0]!.expression.text.trim()
      : String(taskOnly(task.definition).when);
  return (context) => {
    const answer = when.evaluate(scopes.base(task.needs, context));
    if (typeof answer !== "boolean")
      throw new OrchestratorError("INVALID_OPTION", `when takes true or false, got ${describe(answer)}: ${words}`);
    return answer || `not ${words}`;
  };
}

function evaluateOutputs(
  { pipeline, scopes }: WorkPlace,
  results: ReadonlyMap<string, ExecutionResult>,
): PipelineOutputs {
  const values: Record<string, unknown> = {};
  const missing: Record<string, string> = {};
  const ids = pipeline.tasks.map((task) => task.id).filter((id) => results.has(id));
  const scope = scopes.base(ids, { result: (id) => results.get(id)! });
  for (const [name, output] of pipeline.outputs) {
    try {
      values[name] = output.evaluate(scope);
    } catch (error) {
      missing[name] = reasonOfFailure(output, results) ?? (error as Error).message;
    }
  }
  return { values, missing };
}

/** The first task that an output needs and that did not succeed. */
function reasonOfFailure(output: Template, results: ReadonlyMap<string, ExecutionResult>): string | undefined {
  for (const { expression } of output.expressions)
    for (const { name, path } of expression.references) {
      const result = name === "tasks" ? results.get(path[0]!) : undefined;
      if (result?.success === false)
        return `task "${result.taskId}" ${result.status === "failed" ? "failed" : `${result.status === "timed-out" ? "" : "was "}${result.status.replace("-", " ")}`}`;
    }
  return undefined;
}
