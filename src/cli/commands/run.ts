/** `orchestrator run`: carries out a pipeline file, shows what happens, and tells how it ended. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import type { ExecutionConfig, ExecutionMode, JournalOptions, RunOptions } from "../../executor/config.js";
import { ParallelExecutor } from "../../executor/parallel-executor.js";
import type { Run } from "../../executor/run.js";
import type { ExecutionResult, TaskStatus } from "../../model/result.js";
import { parseDurationMs } from "../../model/units.js";
import type { TraceWriter } from "../../monitor/trace.js";
import { loadPipeline } from "../../pipeline/load.js";
import { type Pipeline, taskOnly } from "../../pipeline/pipeline.js";
import { type PipelinePlan, planPipeline } from "../../pipeline/plan.js";
import { refuseUnsandboxed } from "../../pipeline/sandboxed.js";
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";
import { type InputFlags, readInputs } from "../input-values.js";
import { Interruption } from "../interruption.js";
import { defaultJournal, type JournalFlags, journalOptions, type KeptFlags, keptFlags } from "../journal-flags.js";
import { openLivePage } from "../live-page.js";
import { RemainingTime } from "../render/estimate.js";
import { viewOf } from "../render/graph-view.js";
import { isQuiet, makeReporter } from "../render/reporter.js";
import { makeStyle } from "../render/style.js";
import { summarise } from "../render/summary.js";
import { documentText, type ResultDocument, resultVersion, taskDocument } from "../result-document.js";
import type { ViewName } from "../view-flag.js";

export interface RunFlags extends InputFlags, JournalFlags {
  readonly maxWorkers?: number;
  readonly maxConcurrent?: number;
  readonly mode?: ExecutionMode;
  readonly failFast?: boolean;
  readonly json?: boolean;
  readonly output?: string;
  readonly taskOutputs?: boolean;
  readonly logs?: boolean;
  readonly quiet?: boolean;
  readonly view?: ViewName;
  readonly trace?: string;
  readonly ui?: boolean;
  readonly uiPort?: number;
  readonly uiKeep?: boolean;
}

export async function run(file: string, flags: RunFlags): Promise<ExitCode> {
  return carryOut(loadPipeline(file), readInputs(flags), flags);
}

/** Runs a pipeline and tells how it went. */
export async function carryOut(
  pipeline: Pipeline,
  inputs: Readonly<Record<string, unknown>>,
  flags: RunFlags,
): Promise<ExitCode> {
  if (flags.mode === "sandboxed") refuseUnsandboxed(pipeline);
  const plan = planPipeline(pipeline, { inputs });
  const config = configOf(plan, flags);
  prepareOutput(flags.output);
  const about = { file: resolve(pipeline.file), text: pipeline.document.text, flags: flagsToKeep(flags) };
  const options = await journalOptions(plan, about, flags);
  const trace = await openTrace(flags.trace);
  const executor = new ParallelExecutor(config);
  const page = await openLivePage(executor, flags);
  try {
    const running = executor.run(plan.graph, options);
    const ended = await watch(running, plan, config, flags, trace);
    const code = tell(ended, plan, flags);
    const told = tellOfJournal(running, options, code, flags);
    if (!ended.interrupted) await page?.keep();
    return told;
  } finally {
    await page?.close();
    await executor.close();
    trace?.close();
  }
}

function flagsToKeep(flags: RunFlags): KeptFlags {
  return Object.fromEntries(keptFlags.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])));
}

/** What a person wants to know of the journal: how to go on, or that it is not whole. */
function tellOfJournal(run: Run, { journal }: RunOptions, code: ExitCode, flags: RunFlags): ExitCode {
  if (journal === undefined) return code;
  const { journalError } = run;
  const style = makeStyle(process.stderr);
  if (journalError !== undefined) {
    process.stderr.write(`${style.error("error:")} ${journalError.message}\n`);
    return code === exitCode.succeeded ? exitCode.failed : code;
  }
  if (code !== exitCode.succeeded && flags.json !== true) {
    const folder = (journal as JournalOptions).folder;
    const where = folder === defaultJournal ? "" : ` --journal ${folder}`;
    process.stderr.write(`${style.dim(`Go on with it: orchestrator runs resume ${run.id}${where}`)}\n`);
  }
  return code;
}

function configOf(plan: PipelinePlan, { maxWorkers, maxConcurrent, mode, failFast }: RunFlags): ExecutionConfig {
  return {
    ...plan.config,
    ...(maxWorkers !== undefined && { maxWorkers }),
    ...(maxConcurrent !== undefined && { maxConcurrentTasks: maxConcurrent }),
    ...(mode !== undefined && { mode }),
    ...(failFast === true && { failurePolicy: "fail-fast" as const }),
  };
}

/** Finds out before the run, rather than after an hour, that its result cannot be written. */
function prepareOutput(file: string | undefined): void {
  if (file === undefined) return;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "", { flag: "a" });
  } catch (error) {
    throw new UsageError(`--output ${file} cannot be written: ${(error as Error).message}`);
  }
}

/** Loaded where a trace is wanted. */
async function openTrace(file: string | undefined): Promise<TraceWriter | undefined> {
  if (file === undefined) return undefined;
  try {
    const { TraceWriter } = await import("../../monitor/trace.js");
    return new TraceWriter(file);
  } catch (error) {
    throw new UsageError(`--trace ${file} cannot be written: ${(error as Error).message}`);
  }
}

interface Ended {
  readonly run: Run;
  readonly results: ReadonlyMap<string, ExecutionResult>;
  readonly parents: ReadonlyMap<string, string>;
  readonly startedAt: number;
  /** Seconds. */
  readonly duration: number;
  readonly interrupted: boolean;
  /** Whether the tasks need not be listed: nobody wants it, or they are on the screen. */
  readonly listed: boolean;
}

async function watch(
  running: Run,
  plan: PipelinePlan,
  config: ExecutionConfig,
  flags: RunFlags,
  trace: TraceWriter | undefined,
): Promise<Ended> {
  const reporter = makeReporter(flags, remainingTime(plan, config));
  running.observe(reporter);
  if (trace !== undefined) running.observe(trace);
  reporter.start();
  const interruption = new Interruption(running, reporter);
  try {
    const results = await running.results;
    const { startedAt, parents } = reporter.progress;
    const duration = (Date.now() - startedAt) / 1000;
    const listed = isQuiet(flags) || reporter.drewAll === true;
    return { run: running, results, parents, startedAt, duration, interrupted: interruption.happened, listed };
  } finally {
    interruption.stop();
    reporter.stop();
  }
}

function remainingTime(plan: PipelinePlan, { maxConcurrentTasks, maxWorkers }: ExecutionConfig): RemainingTime {
  const expected = new Map<string, number>();
  for (const { id, definition } of plan.pipeline.tasks) {
    const { expectedDuration } = taskOnly(definition);
    if (expectedDuration !== undefined) expected.set(id, parseDurationMs(expectedDuration) / 1000);
  }
  const tasks = viewOf(plan.pipeline).nodes.map(({ id, needs }) => {
    const seconds = expected.get(id);
    return seconds === undefined ? { id, needs } : { id, needs, expected: seconds };
  });
  return new RemainingTime(tasks, Math.min(maxConcurrentTasks ?? 1000, maxWorkers ?? availableParallelism()));
}

function tell(ended: Ended, plan: PipelinePlan, flags: RunFlags): ExitCode {
  const allowedFailures = new Set(plan.pipeline.tasks.filter((task) => task.allowFailure).map(({ id }) => id));
  const failed = [...ended.results.values()].some((result) => countsAsFailure(result, allowedFailures, ended.parents));
  const { values: outputs, missing: missingOutputs } = plan.outputs(ended.results);
  if (flags.json === true || flags.output !== undefined) {
    const status = ended.interrupted ? "interrupted" : failed ? "failed" : "succeeded";
    const text = documentText(documentOf(ended, plan, status, { outputs, missingOutputs }, flags.taskOutputs === true));
    if (flags.output !== undefined) writeFileSync(flags.output, text);
    if (flags.json === true) process.stdout.write(text);
  }
  if (flags.json !== true) {
    const summary = { ...ended, name: plan.name, outputs, missingOutputs, allowedFailures };
    process.stdout.write(`\n${summarise(summary, makeStyle(process.stdout), ended.listed)}`);
  }
  if (ended.interrupted) return exitCode.interrupted;
  return failed ? exitCode.failed : exitCode.succeeded;
}

/** A task that was skipped is not a failure of its own: what it was skipped for is, or was meant. */
function countsAsFailure(
  { taskId, status }: ExecutionResult,
  allowed: ReadonlySet<string>,
  parents: ReadonlyMap<string, string>,
): boolean {
  if (status === "succeeded" || status === "skipped") return false;
  return !allowed.has(taskId) && !allowed.has(parents.get(taskId) ?? "");
}

function documentOf(
  { run: { id, enforcement }, results, startedAt, duration }: Ended,
  plan: PipelinePlan,
  status: ResultDocument["status"],
  outputs: Pick<ResultDocument, "outputs" | "missingOutputs">,
  withTaskOutputs: boolean,
): ResultDocument {
  const counts: Record<TaskStatus, number> = { succeeded: 0, failed: 0, "timed-out": 0, cancelled: 0, skipped: 0 };
  for (const result of results.values()) counts[result.status]++;
  return {
    version: resultVersion,
    name: plan.name,
    runId: id,
    status,
    startedAt: new Date(startedAt).toISOString(),
    duration,
    counts,
    inputs: plan.inputs,
    ...outputs,
    enforcement,
    tasks: Object.fromEntries([...results].map(([taskId, result]) => [taskId, taskDocument(result, withTaskOutputs)])),
  };
}
