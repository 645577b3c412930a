/** Finds journalled runs by what a person types. */
import { join } from "node:path";
import { type JournalledRun, readJournal } from "../journal/read-journal.js";
import { listRuns } from "../journal/run-folders.js";
import { nearestName } from "../model/check.js";
import { UsageError } from "./exit-code.js";
import { aboutPipeline } from "./journal-flags.js";

/** The run of this id. */
export function findRun(folder: string, runId: string): JournalledRun {
  const isId = /^[\w.-]{1,200}$/.test(runId) && runId !== "." && runId !== "..";
  try {
    if (isId) return readJournal(join(folder, runId));
  } catch (error) {
    if ((error as { code?: unknown }).code !== "JOURNAL_NOT_FOUND") throw error;
  }
  const ids = listRuns(folder).map((listed) => listed.runId);
  if (ids.length === 0) throw new UsageError(`there are no runs in ${folder} (--journal names another folder)`);
  const nearest = nearestName(runId, ids);
  const hint = nearest === undefined ? "`orchestrator runs list` lists them" : `did you mean "${nearest}"?`;
  throw new UsageError(`there is no run "${runId}" in ${folder}; ${hint}`);
}

/** The last run of a pipeline that has something left to do. */
export function lastUnfinished(folder: string, name: string): JournalledRun {
  const runs = listRuns(folder).flatMap(({ run }) =>
    run !== undefined && aboutPipeline(run)?.name === name ? [run] : [],
  );
  const found = runs.find(({ status }) => status !== "succeeded" && status !== "running");
  if (found !== undefined) return found;
  const why = runs.length === 0 ? "none is there" : "every one succeeded or is still running";
  throw new UsageError(`no run of "${name}" in ${folder} has anything left to do: ${why}`);
}
