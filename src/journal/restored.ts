/** Turns what a journal recorded of a task into what a run takes over. */
import type { TaskPast } from "../core/past.js";
import { type EndState, TaskState } from "../core/task-table.js";
import { fromErrorData } from "../model/error.js";
import type { TaskStatus } from "../model/result.js";
import type { RestoredResult } from "../port/journal.js";
import type { RecordedTask } from "./history.js";
import { loadOutput } from "./output-files.js";

const states: Readonly<Record<TaskStatus, EndState>> = {
  succeeded: TaskState.succeeded,
  failed: TaskState.failed,
  "timed-out": TaskState.timedOut,
  cancelled: TaskState.cancelled,
  skipped: TaskState.skipped,
};

/** `numberOf` gives the present number of a task by its id, or -1. */
export function restore(
  runFolder: string,
  task: RecordedTask,
  numberOf: (id: string) => number,
): { readonly past: TaskPast; readonly told: RestoredResult } {
  return { past: pastOf(task, numberOf), told: resultOf(runFolder, task) };
}

function pastOf(task: RecordedTask, numberOf: (id: string) => number): TaskPast {
  const { attempts, uncharged, lost, readyAt, firstStartedAt, startedAt, decided, failure, end } = task;
  // Written out, because nearly all are such, and spreading costs more than all else.
  if (end?.status === "succeeded") {
    const { at } = end;
    return {
      attempts,
      uncharged,
      lost,
      readyAt,
      firstStartedAt,
      startedAt,
      decided,
      end: { state: TaskState.succeeded, at },
    };
  }
  const base = { attempts, uncharged, lost, readyAt, firstStartedAt, startedAt, decided };
  if (end !== undefined) {
    const root = end.reason?.kind === "dependency" ? numberOf(end.reason.rootTaskId) : -1;
    const state = states[end.status];
    return { ...base, end: root < 0 ? { state, at: end.at } : { state, at: end.at, root } };
  }
  if (failure === undefined) return base;
  const { at, retryable, random, outcome } = failure;
  return { ...base, failure: { at, retryable, random, timedOut: outcome === "timed-out" } };
}

function resultOf(runFolder: string, { workerId, usage, failure, end }: RecordedTask): RestoredResult {
  if (end?.status === "succeeded" && workerId !== undefined && usage === undefined)
    return { workerId, output: loadOutput(runFolder, end.output!) };
  const told = {
    ...(workerId !== undefined && { workerId }),
    ...(usage !== undefined && { usage }),
  };
  if (end?.status === "succeeded") return { ...told, output: loadOutput(runFolder, end.output!) };
  const error = end?.error ?? failure?.error;
  const reason = end?.reason ?? failure?.reason;
  return { ...told, ...(error && { error: fromErrorData(error) }), ...(reason && { reason }) };
}
