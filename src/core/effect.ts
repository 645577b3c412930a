/** What the scheduler asks of the world, as plain data. */
import type { TaskStatus } from "../model/result.js";

/** Who asked for a cancellation. */
export type CancelCause = "caller" | "fail-fast" | "shutdown" | "parent" | "journal";

/** Why a task ended without success, as the scheduler knows it. */
export type EndReason =
  /** The last attempt failed; the shell knows how. */
  | { readonly kind: "attempt" }
  | { readonly kind: "timeout"; readonly scope: "attempt" | "total"; readonly limitMs: number }
  | { readonly kind: "cancelled"; readonly by: CancelCause }
  | { readonly kind: "dependency"; readonly task: number; readonly root: number }
  | { readonly kind: "condition" }
  | { readonly kind: "condition-error" }
  | { readonly kind: "trigger" };

export type SchedulerEffect =
  | { readonly type: "start-attempt"; readonly task: number; readonly attempt: number }
  /** Stop the attempt by force and answer `attempt-stopped` (or another end) when nothing of it runs. */
  | {
      readonly type: "abort-attempt";
      readonly task: number;
      readonly attempt: number;
      readonly because: "timeout" | "cancelled";
    }
  /** Ask the task's condition and answer `condition-decided`. */
  | { readonly type: "decide"; readonly task: number }
  /** The task may run on; answered by nothing. */
  | { readonly type: "resume-task"; readonly task: number }
  | { readonly type: "task-ready"; readonly task: number; readonly at: number }
  | {
      readonly type: "retry-scheduled";
      readonly task: number;
      readonly attempt: number;
      readonly retryAt: number;
      readonly charged: boolean;
    }
  | {
      readonly type: "task-ended";
      readonly task: number;
      readonly status: TaskStatus;
      readonly reason: EndReason | undefined;
      /** It could have started and waited for the limits. */
      readonly wasReady: boolean;
      readonly at: number;
    }
  /** Send `clock-reached` at this time. Replaces the wake-up asked for before. */
  | { readonly type: "wake-at"; readonly at: number }
  | { readonly type: "run-ended"; readonly at: number };
