/** `orchestrator report`: why a journalled run took as long as it did. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { analyze, type RunAnalysis } from "../../core/analysis.js";
import { type JournalledRun, readJournal } from "../../journal/read-journal.js";
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";
import { findRun } from "../find-run.js";
import { defaultJournal } from "../journal-flags.js";
import { boundWords, pieceWords, reportHtml } from "../render/report-html.js";
import { harmless, makeStyle, type Style } from "../render/style.js";
import { seconds } from "../render/task-lines.js";

export interface ReportFlags {
  readonly journal?: string;
  readonly json?: boolean;
  readonly html?: string;
}

const mostPieces = 20;

export async function report(name: string, flags: ReportFlags): Promise<ExitCode> {
  const run = readRun(name, flags.journal ?? defaultJournal);
  const events = run.events();
  const analysis = analyze(events);
  if (flags.html !== undefined) writeHtml(flags.html, reportHtml(analysis, run, events));
  if (flags.json === true) process.stdout.write(`${JSON.stringify(analysis, undefined, 2)}\n`);
  else process.stdout.write(describe(analysis, run, makeStyle(process.stdout)));
  if (flags.html !== undefined && flags.json !== true) process.stdout.write(`\nwritten to ${flags.html}\n`);
  return exitCode.succeeded;
}

/** A run by its folder, or by its id in the folder of journals. */
function readRun(name: string, folder: string): JournalledRun {
  return existsSync(name) && !existsSync(join(folder, name)) ? readJournal(name) : findRun(folder, name);
}

function writeHtml(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw new UsageError(`--html ${file} cannot be written: ${(error as Error).message}`);
  }
}

function describe(analysis: RunAnalysis, run: JournalledRun, style: Style): string {
  const { makespan, work, criticalPath, bounds, chain, workers, oneMoreWorker } = analysis;
  const ms = (amount: number): string => seconds(amount * 1000);
  const percent = (share: number): string => `${Math.round(share * 100)} %`.padStart(5);
  const lines = [
    style.bold(harmless(`${run.graph} ${run.runId}`)),
    `${run.status}, ${run.taskCount} tasks, ${ms(makespan)}`,
    "",
    style.bold("What bounded it"),
    ...bounds.map(
      ({ bound, seconds: lost, share }) => `  ${percent(share)}  ${ms(lost).padStart(9)}  ${boundWords(bound)}`,
    ),
    "",
    style.bold(`Critical path: ${ms(criticalPath.seconds)} of ${ms(makespan)}`),
    ...shortened(
      criticalPath.tasks.map(({ taskId, seconds: took }) => `  ${ms(took).padStart(9)}  ${harmless(taskId)}`),
    ),
    "",
    style.bold("From start to end"),
    ...shortened(
      chain.map(
        ({ taskId, bound, start, seconds: took }) =>
          `  ${ms(start).padStart(9)}  ${ms(took).padStart(9)}  ${harmless(taskId)}: ${pieceWords(bound)}`,
      ),
    ),
    "",
    style.bold("Workers"),
    `  ${workers.peak} attempts at once at most, of ${workers.limit}; ${percent(workers.utilization).trim()} of their time was worked (${ms(work)})`,
    `  one more: ${ms(oneMoreWorker.withOneMore)} in place of ${ms(oneMoreWorker.predicted)} by simulation, ${oneMoreWorker.speedUp.toFixed(2)} times as fast`,
  ];
  return `${lines.join("\n")}\n`;
}

function shortened(lines: readonly string[]): string[] {
  if (lines.length <= mostPieces) return [...lines];
  const half = mostPieces / 2;
  return [...lines.slice(0, half), `  ... and ${lines.length - mostPieces} more ...`, ...lines.slice(-half)];
}
