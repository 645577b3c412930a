/** What the world tells the scheduler. Every event carries when it happened: `at`, in milliseconds of any steady clock. */
import type { CancelCause } from "./effect.js";
import type { TaskPast } from "./past.js";
import type { TaskDefinition } from "./plan.js";

export type SchedulerEvent =
  /** What an earlier process did of a task. Before `run-started`. */
  | { readonly type: "task-restored"; readonly at: number; readonly task: number; readonly past: TaskPast }
  | { readonly type: "run-started"; readonly at: number }
  /** The attempt's own code began: its clock starts now. Only for tasks whose policy says `reportsStart`. */
  | { readonly type: "attempt-started"; readonly at: number; readonly task: number; readonly attempt: number }
  | { readonly type: "attempt-succeeded"; readonly at: number; readonly task: number; readonly attempt: number }
  | {
      readonly type: "attempt-failed";
      readonly at: number;
      readonly task: number;
      readonly attempt: number;
      /** Whether another attempt is worth it: the task's `retryIf` has been asked. */
      readonly retryable: boolean;
      /** From 0 to 1, for the jitter of the delay. */
      readonly random: number;
    }
  /** The attempt died of another's fault. The first time in a task's life it is tried again without being charged. */
  | {
      readonly type: "attempt-lost";
      readonly at: number;
      readonly task: number;
      readonly attempt: number;
      readonly random: number;
    }
  /** An attempt that was to be aborted does not run any more. */
  | {
      readonly type: "attempt-stopped";
      readonly at: number;
      readonly task: number;
      readonly attempt: number;
      readonly retryable: boolean;
      readonly random: number;
    }
  | {
      readonly type: "condition-decided";
      readonly at: number;
      readonly task: number;
      readonly verdict: "run" | "skip" | "error";
    }
  /** The time that a `wake-at` effect named has come. */
  | { readonly type: "clock-reached"; readonly at: number }
  | {
      readonly type: "tasks-added";
      readonly at: number;
      readonly parent: number;
      readonly tasks: readonly TaskDefinition[];
    }
  /** The running task waits for tasks it added: it gives back what it holds. */
  | { readonly type: "task-suspended"; readonly at: number; readonly task: number }
  /** What it waited for has ended: it wants to run on. */
  | { readonly type: "resume-requested"; readonly at: number; readonly task: number }
  | { readonly type: "task-cancelled"; readonly at: number; readonly task: number }
  /** Nothing starts any more. What ends still counts. */
  | { readonly type: "run-halted"; readonly at: number }
  | { readonly type: "run-cancelled"; readonly at: number; readonly by: CancelCause }
  /** No more tasks will come from outside: the run ends when all have ended. */
  | { readonly type: "input-closed"; readonly at: number };
