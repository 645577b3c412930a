/** `orchestrator runs resume`: goes on with a run of a pipeline, by its id alone. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { loadPipeline, parsePipeline } from "../../pipeline/load.js";
import type { Pipeline } from "../../pipeline/pipeline.js";
import { type ExitCode, UsageError } from "../exit-code.js";
import { findRun } from "../find-run.js";
import { type AboutPipeline, aboutPipeline, defaultJournal } from "../journal-flags.js";
import { makeStyle } from "../render/style.js";
import { carryOut, type RunFlags } from "./run.js";

export interface ResumeFlags extends Pick<RunFlags, "json" | "output" | "taskOutputs" | "logs" | "quiet" | "view"> {
  readonly journal?: string;
  readonly original?: boolean;
}

export async function resume(id: string, flags: ResumeFlags): Promise<ExitCode> {
  const { journal = defaultJournal, original = false, ...shown } = flags;
  const run = findRun(journal, id);
  const about = aboutPipeline(run);
  if (about === undefined)
    throw new UsageError(`run "${id}" is that of a program, not of a pipeline file: run the program with resume: true`);
  const pipeline = pipelineOf(about, original);
  // An input that the file does not have any more is nothing to refuse the run for.
  const inputs = Object.fromEntries(Object.entries(about.inputs).filter(([name]) => pipeline.inputs.has(name)));
  return carryOut(pipeline, inputs, { ...(about.flags as RunFlags), ...shown, journal, resume: id });
}

function pipelineOf(about: AboutPipeline, original: boolean): Pipeline {
  const now = readNow(about.file);
  if (now === about.text) return loadPipeline(about.file);
  const asItWas = original || now === undefined;
  const what = now === undefined ? "is not there any more" : "has changed since";
  const how = asItWas
    ? "going on with it as it was"
    : "going on with it as it is now: what changed runs again (--original goes on with it as it was)";
  process.stderr.write(`${makeStyle(process.stderr).warning(`${about.file} ${what}; ${how}`)}\n`);
  if (!asItWas) return loadPipeline(about.file);
  return parsePipeline(about.text, { file: about.file, directory: dirname(about.file) });
}

function readNow(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
