/** `orchestrator simulate`: how long a run takes with so many workers, by the real scheduler on a simulated clock. */
import { readFileSync } from "node:fs";
import { simulate as runSimulation, type Simulation } from "../../core/simulate.js";
import { loadPipeline } from "../../pipeline/load.js";
import { type SimulatedGraph, simulatedGraph } from "../../pipeline/simulation.js";
import { isWfFormat, readWfFormat, WfFormatError } from "../../pipeline/wfformat.js";
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";
import { makeStyle, type Style } from "../render/style.js";
import { seconds } from "../render/task-lines.js";
import { type ResultDocument, resultVersion } from "../result-document.js";

export interface SimulateFlags {
  readonly workers?: readonly number[];
  readonly durations?: string;
  readonly json?: boolean;
}

const defaultWorkers = [1, 2, 4, 8, 16];

interface Subject extends SimulatedGraph {
  readonly recordedMakespan?: number;
}

export async function simulate(file: string, flags: SimulateFlags): Promise<ExitCode> {
  const subject = readSubject(file, flags.durations);
  const predictions = (flags.workers ?? defaultWorkers).map((workers) => ({ workers, ...predict(subject, workers) }));
  if (flags.json === true) process.stdout.write(`${JSON.stringify(jsonOf(subject, predictions), null, 2)}\n`);
  else process.stdout.write(describe(subject, predictions, makeStyle(process.stdout)));
  return exitCode.succeeded;
}

function readSubject(file: string, durations: string | undefined): Subject {
  const recording = readRecording(file);
  if (recording !== undefined) {
    if (durations !== undefined)
      throw new UsageError("--durations belongs to pipeline files; a recorded workflow has its own");
    return { resources: {}, unknown: [], ...recording };
  }
  return simulatedGraph(loadPipeline(file), durations === undefined ? new Map() : readDurations(durations));
}

/** The workflow in a file in WfFormat; `undefined` for any other file, whose faults the pipeline's reader tells better. */
function readRecording(file: string): ReturnType<typeof readWfFormat> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isWfFormat(value) ? readWfFormat(value) : undefined;
  } catch (error) {
    if (error instanceof WfFormatError) throw new UsageError(`${file}: ${error.message}`);
    return undefined;
  }
}

function readDurations(file: string): Map<string, number> {
  let document: Partial<ResultDocument>;
  try {
    document = JSON.parse(readFileSync(file, "utf8")) as Partial<ResultDocument>;
  } catch (error) {
    throw new UsageError(`--durations ${file} cannot be read: ${(error as Error).message}`);
  }
  const { version, tasks } = document ?? {};
  if (typeof tasks !== "object" || tasks === null || version !== resultVersion)
    throw new UsageError(`--durations ${file} is not what "orchestrator run --output" writes`);
  const ran = Object.entries(tasks).filter(([, { status }]) => status === "succeeded");
  return new Map(ran.map(([id, { executionTime }]) => [id, executionTime]));
}

function predict(subject: Subject, workers: number): Simulation {
  const { maxCpuCores, maxMemory, resources } = subject;
  return runSimulation(subject.tasks, {
    workers,
    resources,
    ...(maxCpuCores !== undefined && { maxCpuCores }),
    ...(maxMemory !== undefined && { maxMemory }),
  });
}

type Prediction = Simulation & { readonly workers: number };

function jsonOf({ name, recordedMakespan, unknown }: Subject, predictions: readonly Prediction[]): unknown {
  return {
    name,
    ...(recordedMakespan !== undefined && { recordedMakespan }),
    assumedDurations: unknown,
    predictions: predictions.map(({ tasks, ...prediction }) => ({ ...prediction, tasks })),
  };
}

function describe(subject: Subject, predictions: readonly Prediction[], style: Style): string {
  const { work, criticalPath } = predictions[0]!;
  const count = subject.tasks.length;
  const facts = [
    `${count} ${count === 1 ? "task" : "tasks"}`,
    `${duration(work)} of work`,
    `critical path ${duration(criticalPath)}`,
  ];
  if (subject.recordedMakespan !== undefined) facts.push(`recorded run ${duration(subject.recordedMakespan)}`);
  const lines = [`${style.bold(subject.name)}: ${facts.join(", ")}`];
  if (subject.unknown.length > 0) lines.push(style.warning(assumption(subject.unknown)));
  lines.push("", ...table(predictions, work, style));
  return `${lines.join("\n")}\n`;
}

function assumption(unknown: readonly string[]): string {
  const named = unknown.slice(0, 5).join(", ");
  const more = unknown.length > 5 ? ` and ${unknown.length - 5} more` : "";
  return `1s is assumed for ${named}${more}: give them an expectedDuration, or --durations of an earlier run`;
}

function table(predictions: readonly Prediction[], work: number, style: Style): string[] {
  const titles = ["workers", "makespan", "lower bound", "above it", "busy", "speed-up"];
  const rows = predictions.map(({ workers, makespan, lowerBound, utilization }) => [
    String(workers),
    duration(makespan),
    duration(lowerBound),
    `${((makespan / (lowerBound || 1) - (lowerBound === 0 ? 0 : 1)) * 100).toFixed(1)} %`,
    `${(utilization * 100).toFixed(0)} %`,
    `${(makespan === 0 ? 1 : work / makespan).toFixed(1)}\u00d7`,
  ]);
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padStart(widths[column]!)).join("  ");
  return [style.dim(line(titles)), ...rows.map(line)];
}

function duration(inSeconds: number): string {
  return seconds(inSeconds * 1000);
}
