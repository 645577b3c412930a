/** `orchestrator runs list | show | prune`: what journals tell of earlier runs, and clearing them away. */
import type { JournalledRun } from "../../journal/read-journal.js";
import { type ListedRun, listRuns, removeRun, runsToPrune } from "../../journal/run-folders.js";
import { formatDurationMs, parseDurationMs } from "../../model/units.js";
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";
import { findRun } from "../find-run.js";
import { aboutPipeline, defaultJournal } from "../journal-flags.js";
import { listLines } from "../render/run-list.js";
import { harmless, makeStyle } from "../render/style.js";
import { summarise } from "../render/summary.js";
import { documentText, taskDocument } from "../result-document.js";

export interface RunsFlags {
  readonly journal?: string;
  readonly json?: boolean;
}

export async function list({ journal = defaultJournal, json }: RunsFlags): Promise<ExitCode> {
  const runs = listRuns(journal);
  if (json === true) process.stdout.write(documentText(runs.map(listedDocument)));
  else if (runs.length === 0) console.log(`no runs in ${journal} (run --journal ${journal} makes some)`);
  else console.log(listLines(runs, makeStyle(process.stdout)).join("\n"));
  return exitCode.succeeded;
}

export interface ShowFlags extends RunsFlags {
  readonly taskOutputs?: boolean;
}

export async function show(id: string, { journal = defaultJournal, json, taskOutputs }: ShowFlags): Promise<ExitCode> {
  const run = findRun(journal, id);
  const results = run.results();
  if (json === true) {
    const tasks = Array.from(results, ([taskId, result]) => [taskId, taskDocument(result, taskOutputs === true)]);
    process.stdout.write(documentText({ ...runDocument(run), tasks: Object.fromEntries(tasks) }));
    return exitCode.succeeded;
  }
  const style = makeStyle(process.stdout);
  console.log(`${listLines([{ runId: run.runId, folder: run.folder, run }], style).join("\n")}\n`);
  const parents = new Map<string, string>();
  for (const event of run.events())
    if (event.type === "tasks-added") for (const added of event.taskIds) parents.set(added, event.taskId);
  const name = aboutPipeline(run)?.name ?? run.graph;
  const duration = (run.lastAt - run.startedAt) / 1000;
  const interrupted = run.status === "interrupted" || run.status === "cancelled";
  const allowedFailures = new Set<string>();
  const summary = { name, results, parents, duration, interrupted, outputs: {}, missingOutputs: {}, allowedFailures };
  process.stdout.write(summarise(summary, style, false));
  if (run.status !== "succeeded" && run.status !== "running" && aboutPipeline(run) !== undefined)
    console.log(
      `\nGo on with it: orchestrator runs resume ${run.runId}${journal === defaultJournal ? "" : ` --journal ${journal}`}`,
    );
  return exitCode.succeeded;
}

export interface PruneFlags extends RunsFlags {
  readonly olderThan?: string;
  readonly keep?: number;
  readonly succeeded?: boolean;
  readonly yes?: boolean;
}

export async function prune(flags: PruneFlags): Promise<ExitCode> {
  const { journal = defaultJournal, olderThan, keep, succeeded = false, yes = false, json } = flags;
  if (olderThan === undefined && keep === undefined)
    throw new UsageError("runs prune: say what may go, by --older-than, --keep or both");
  const chosen = runsToPrune(listRuns(journal), {
    now: Date.now(),
    succeededOnly: succeeded,
    ...(olderThan !== undefined && { olderThanMs: age(olderThan) }),
    ...(keep !== undefined && { keep }),
  });
  const removed = yes ? chosen.filter(({ folder }) => removeRun(folder)) : [];
  if (json === true) {
    process.stdout.write(documentText({ removed: yes, runs: (yes ? removed : chosen).map(runDocument) }));
    return exitCode.succeeded;
  }
  if (chosen.length === 0) console.log("nothing to clear away");
  else {
    const now = Date.now();
    for (const { runId, status, lastAt } of yes ? removed : chosen)
      console.log(`${harmless(runId)}  ${status}, ${formatDurationMs(now - lastAt)} ago`);
    const { length } = yes ? removed : chosen;
    const amount = length === 1 ? "1 run" : `${length} runs`;
    console.log(yes ? `${amount} cleared away` : `${amount} would be cleared away; --yes does it`);
  }
  return exitCode.succeeded;
}

function age(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new UsageError(`--older-than: ${(error as Error).message}`);
  }
}

function listedDocument({ runId, folder, run, error }: ListedRun): unknown {
  return run === undefined ? { runId, folder, error: error.message } : runDocument(run);
}

function runDocument(run: JournalledRun): Record<string, unknown> {
  const { runId, folder, graph, status, holder, startedAt, lastAt, resumes, taskCount, counts } = run;
  const pipeline = aboutPipeline(run);
  return {
    runId,
    folder,
    name: pipeline?.name ?? graph,
    status,
    startedAt: new Date(startedAt).toISOString(),
    lastAt: new Date(lastAt).toISOString(),
    resumes,
    taskCount,
    counts,
    ...(holder !== undefined && { holder: { ...holder, since: new Date(holder.since).toISOString() } }),
    ...(pipeline !== undefined && { file: pipeline.file, inputs: pipeline.inputs }),
  };
}
