/** The states of a task. See docs/scheduler.md for the table of moves. */
import type { TaskStatus } from "../model/result.js";

export const TaskState = {
  /** Some dependency has not ended. */
  waiting: 0,
  /** Dependencies have ended; its condition is being asked. */
  deciding: 1,
  /** It may start as soon as the limits allow. */
  ready: 2,
  /** An attempt runs. */
  running: 3,
  /** An attempt was told to stop and has not confirmed. */
  aborting: 4,
  /** It waits for the delay before its next attempt. */
  delayed: 5,
  /** Its attempt waits for tasks that it added, and holds nothing. */
  suspended: 6,
  /** Its attempt wants to run on as soon as the limits allow. */
  resuming: 7,
  succeeded: 8,
  failed: 9,
  timedOut: 10,
  cancelled: 11,
  skipped: 12,
  /** Ended and forgotten: its number may be given to another task. */
  retired: 13,
} as const;

export type TaskState = (typeof TaskState)[keyof typeof TaskState];

/** The five ways to end. */
export type EndState = 8 | 9 | 10 | 11 | 12;

export function isEnd(state: number): boolean {
  return state >= TaskState.succeeded;
}

const statuses: readonly TaskStatus[] = ["succeeded", "failed", "timed-out", "cancelled", "skipped"];

/** The public name of an end. */
export function statusOf(state: EndState): TaskStatus {
  return statuses[state - TaskState.succeeded]!;
}

export function stateName(state: number): string {
  return Object.keys(TaskState).find((name) => TaskState[name as keyof typeof TaskState] === state) ?? String(state);
}
