/** Reads the journal of a run, without its graph: what it was, how its tasks ended, and everything that happened in it. */
import { existsSync } from "node:fs";
import { OrchestratorError } from "../model/error.js";
import type { RunEvent } from "../model/event.js";
import type { ExecutionResult, TaskStatus } from "../model/result.js";
import type { ByteReader } from "./bytes.js";
import { History } from "./history.js";
import { resultOf } from "./journalled-result.js";
import { holderOf, type JournalHolder } from "./lock.js";
import { decodeRecord } from "./record.js";
import { EventReplay } from "./replay-events.js";
import { readFrames, segmentsOf } from "./segments.js";

/** A run as its journal tells it. */
export interface JournalledRun {
  /** Id of the run. */
  readonly runId: string;
  /** The folder of the run. */
  readonly folder: string;
  /** Name of the graph. */
  readonly graph: string;
  /**
   * `"running"`: a process writes it now; `"interrupted"`: it has not ended, and nobody goes on with it; `"cancelled"`: it was
   * ended before its tasks had; else whether every task succeeded or was meant to be skipped.
   */
  readonly status: "running" | "interrupted" | "cancelled" | "succeeded" | "failed";
  /** Who writes it now. */
  readonly holder?: JournalHolder;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** When the last record was made, milliseconds since the epoch. */
  readonly lastAt: number;
  /** How often it was gone on with. */
  readonly resumes: number;
  /** What `about` was given with the journal. */
  readonly about: unknown;
  /** How many tasks the run has, those that tasks added included. */
  readonly taskCount: number;
  /** How many tasks ended in which way. */
  readonly counts: Readonly<Record<TaskStatus, number>>;
  /** Results of the tasks that have ended, by id. */
  results(): ReadonlyMap<string, ExecutionResult>;
  /** Every event of the run so far, by time, made anew from the records. Progress and resources held are not kept. */
  events(): readonly RunEvent[];
}

/**
 * Reads the journal of one run.
 *
 * @example
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * const journal = mkdtempSync(join(tmpdir(), "runs-"));
 * await using executor = new ParallelExecutor();
 * await executor.executeTasks([{ id: "load", run: () => 1 }], { journal, runId: "monday" });
 * const { status, counts } = readJournal(join(journal, "monday"));
 * console.log(status, counts.succeeded); // prints succeeded 1
 *
 * @param folder the folder of the run: the journal's folder and the run id, `"runs/sales/2026-11-24"`.
 * @throws OrchestratorError `JOURNAL_NOT_FOUND`, `JOURNAL_DAMAGED`, `JOURNAL_FORMAT`.
 */
export function readJournal(folder: string): JournalledRun {
  if (segmentsOf(folder).length === 0) throw notFound(folder);
  return tellRun(folder, (read) => readFrames(folder, read), holderOf);
}

/** Tells the run whose records `readAll` hands on. `folder` holds its large outputs. */
export function tellRun(
  folder: string,
  readAll: (read: (reader: ByteReader) => void) => void,
  findHolder: (folder: string) => JournalHolder | undefined,
): JournalledRun {
  const history = new History();
  readAll(history.read);
  if (history.opened === undefined || history.graph === undefined) throw notFound(folder);
  const holder = findHolder(folder);
  const counts = countEnds(history);
  return {
    runId: history.opened.runId,
    folder,
    graph: history.graph.name,
    status: statusOf(history, counts, holder),
    ...(holder && { holder }),
    startedAt: history.firstAt,
    lastAt: history.lastAt,
    resumes: history.processes - 1,
    about: history.about,
    taskCount: history.count,
    counts,
    results: () => resultsOf(folder, history),
    events: () => {
      const replay = new EventReplay(folder);
      readAll((reader) => replay.take(decodeRecord(reader)));
      return replay.events();
    },
  };
}

function notFound(folder: string): OrchestratorError {
  const what = existsSync(folder) ? "holds no journal of a run" : "is not there";
  return new OrchestratorError("JOURNAL_NOT_FOUND", `the folder ${folder} ${what}`);
}

function countEnds(history: History): Record<TaskStatus, number> {
  const counts = { succeeded: 0, failed: 0, "timed-out": 0, cancelled: 0, skipped: 0 };
  for (const task of history.tasks) if (task?.end !== undefined) counts[task.end.status]++;
  return counts;
}

function statusOf(
  history: History,
  counts: Readonly<Record<TaskStatus, number>>,
  holder: JournalHolder | undefined,
): JournalledRun["status"] {
  if (holder !== undefined) return "running";
  if (history.ended === undefined) return "interrupted";
  if (counts.failed + counts["timed-out"] > 0) return "failed";
  return counts.cancelled > 0 ? "cancelled" : "succeeded";
}

function resultsOf(folder: string, history: History): Map<string, ExecutionResult> {
  const results = new Map<string, ExecutionResult>();
  history.tasks.forEach((task, number) => {
    if (task?.end === undefined) return;
    const id = history.idOf(number);
    results.set(id, resultOf(folder, id, task));
  });
  return results;
}
