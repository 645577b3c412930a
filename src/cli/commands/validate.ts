/** `orchestrator validate`: every problem of pipeline files, without running them. */
import { loadPipeline } from "../../pipeline/load.js";
import type { Pipeline } from "../../pipeline/pipeline.js";
import { PipelineError } from "../../pipeline/problem.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { makeStyle } from "../render/style.js";
import { describePipelineError } from "../report-error.js";

export async function validate(files: readonly string[], options: { readonly json?: boolean }): Promise<ExitCode> {
  const outcomes = files.map((file) => check(file));
  if (options.json === true) printJson(outcomes);
  else for (const outcome of outcomes) printOutcome(outcome);
  return outcomes.every(({ error }) => error === undefined) ? exitCode.succeeded : exitCode.badInput;
}

interface Outcome {
  readonly file: string;
  readonly pipeline?: Pipeline;
  readonly error?: PipelineError;
}

function check(file: string): Outcome {
  try {
    return { file, pipeline: loadPipeline(file) };
  } catch (error) {
    if (error instanceof PipelineError) return { file, error };
    throw error;
  }
}

function printJson(outcomes: readonly Outcome[]): void {
  const report = outcomes.map(({ file, error }) => ({
    file,
    valid: error === undefined,
    problems: (error?.problems ?? []).map(({ where, message, line, column }) => ({ where, message, line, column })),
  }));
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

function printOutcome({ file, pipeline, error }: Outcome): void {
  if (error !== undefined) {
    process.stderr.write(`${describePipelineError(error, makeStyle(process.stderr))}\n`);
    return;
  }
  const style = makeStyle(process.stdout);
  const count = pipeline!.tasks.length;
  process.stdout.write(
    `${style.good("ok")} ${file} ${style.dim(`(${pipeline!.name}: ${count} ${count === 1 ? "task" : "tasks"})`)}\n`,
  );
}
