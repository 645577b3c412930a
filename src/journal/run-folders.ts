/** The runs of a journal's folder: which there are, and clearing away those that nobody needs any more. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { holderOf } from "./lock.js";
import { type JournalledRun, readJournal } from "./read-journal.js";
import { segmentsOf } from "./segments.js";

/** A run of a folder, or why it cannot be read. */
export type ListedRun =
  | { readonly runId: string; readonly folder: string; readonly run: JournalledRun; readonly error?: never }
  | { readonly runId: string; readonly folder: string; readonly run?: never; readonly error: Error };

/**
 * Every run in a journal's folder, the last that was begun first; those that cannot be read come at the end.
 *
 * @example
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * const journal = mkdtempSync(join(tmpdir(), "runs-"));
 * await using executor = new ParallelExecutor();
 * await executor.executeTasks([{ id: "load", run: () => 1 }], { journal, runId: "monday" });
 * console.log(listRuns(journal).map(({ runId }) => runId)); // prints [ 'monday' ]
 */
export function listRuns(folder: string): ListedRun[] {
  const listed = namesOf(folder)
    .filter((name) => segmentsOf(join(folder, name)).length > 0)
    .map((runId): ListedRun => {
      const runFolder = join(folder, runId);
      try {
        return { runId, folder: runFolder, run: readJournal(runFolder) };
      } catch (error) {
        return { runId, folder: runFolder, error: error as Error };
      }
    });
  return listed.sort((left, right) => (right.run?.startedAt ?? 0) - (left.run?.startedAt ?? 0));
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

export interface PruneOptions {
  /** Runs whose last record is older go: milliseconds. */
  readonly olderThanMs?: number;
  /** So many of the last runs stay, whatever their age. */
  readonly keep?: number;
  /** Takes only runs that succeeded. Default: runs that can be gone on with go too. */
  readonly succeededOnly?: boolean;
  readonly now: number;
}

/** Which runs would be cleared away: none that is being written, and none that cannot be read. */
export function runsToPrune(runs: readonly ListedRun[], options: PruneOptions): JournalledRun[] {
  const { olderThanMs = 0, keep = 0, succeededOnly = false, now } = options;
  return runs.slice(keep).flatMap(({ run }) => {
    if (run === undefined || run.status === "running" || now - run.lastAt < olderThanMs) return [];
    return succeededOnly && run.status !== "succeeded" ? [] : [run];
  });
}

/** Removes a run, unless somebody has begun to write it. Says whether it is gone. */
export function removeRun(folder: string): boolean {
  if (holderOf(folder) !== undefined) return false;
  rmSync(folder, { recursive: true, force: true });
  return true;
}
