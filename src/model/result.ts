/** How a task ended. */

/** The one state in which each task of a run ends. */
export type TaskStatus = "succeeded" | "failed" | "timed-out" | "cancelled" | "skipped";

/** Why a task did not succeed, as data; the human words are in `error`. */
export type FailureReason =
  /** The task's own code threw. */
  | { readonly kind: "error" }
  | { readonly kind: "timeout"; readonly scope: "attempt" | "total"; readonly limitSeconds: number }
  | { readonly kind: "cancelled"; readonly by: "caller" | "fail-fast" | "shutdown" | "parent" | "journal" }
  /** A dependency did not succeed; `rootTaskId` is where the trouble began. */
  | { readonly kind: "dependency"; readonly taskId: string; readonly status: TaskStatus; readonly rootTaskId: string }
  /** `when` said no. */
  | { readonly kind: "condition"; readonly detail?: string }
  /** `trigger` did not apply: nothing had failed. */
  | { readonly kind: "trigger" }
  | {
      readonly kind: "exit-code";
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly stderr: string;
    }
  | { readonly kind: "memory-limit"; readonly limitBytes?: number; readonly peakBytes?: number }
  | { readonly kind: "output-limit"; readonly limitBytes: number }
  /** The worker ended under the attempt: `process.exit`, a crash, an uncaught error in a timer. */
  | { readonly kind: "worker-exited"; readonly exitCode: number | null; readonly signal: string | null }
  /** The worker died of another attempt's fault, more often than is retried without charge. */
  | { readonly kind: "worker-lost" }
  | { readonly kind: "module-not-loaded"; readonly module: string }
  | { readonly kind: "not-serialisable" }
  | { readonly kind: "loop-limit"; readonly iterations: number }
  | { readonly kind: "child-failed"; readonly taskIds: readonly string[] }
  /** A piece of code ended with a verdict other than `ok`. */
  | { readonly kind: "sandbox"; readonly verdict: string; readonly exitCode?: number | null };

/** What an attempt used, for itself alone; a field is absent where its runner cannot tell. */
export interface ResourceUsage {
  /** Seconds of CPU, user and system. */
  readonly cpuSeconds?: number;
  /** Highest resident memory. */
  readonly peakBytes?: number;
}

/** How an attempt was served, where its runner has something to tell; a field is absent where nothing of the kind took part. */
export interface AttemptFacts {
  /** What the cache did: gave a value (`"stale"` where it was past its time), joined the same key that was running, or had nothing. */
  readonly cache?: "hit" | "stale" | "joined" | "miss";
  /** The batch that the attempt was part of: its key, how many items it had, and the most it could have had. */
  readonly batch?: { readonly key: string; readonly size: number; readonly limit: number };
  /** The sandbox that ran the code: `"process"`, `"docker"` or `"vm"`, and whether one stood ready. */
  readonly sandbox?: { readonly backend: string; readonly start: "warm" | "cold" };
  /** The machine that the attempt ran on, where that is another one. */
  readonly host?: string;
}

interface ResultBase {
  readonly taskId: string;
  /** Attempts that were started; 0 for a task that never ran. */
  readonly attempts: number;
  /** Seconds between the moment the task could run and its first start (0 for one that never could). */
  readonly queuedTime: number;
  /** Seconds that the last attempt ran (0 for a task that never ran). */
  readonly executionTime: number;
  /** When the first attempt started, in milliseconds since the epoch. */
  readonly startedAt?: number;
  /** When the task ended, in milliseconds since the epoch. */
  readonly endedAt: number;
  /** The worker of the last attempt: `"inline"`, `"thread-2"`, `"process-1"`. */
  readonly workerId?: string;
  readonly resourceUsage?: ResourceUsage;
}

/** The end of a task that succeeded. */
export interface SuccessResult<Output = unknown> extends ResultBase {
  readonly success: true;
  readonly status: "succeeded";
  /** What the task gave. */
  readonly output: Output;
  /** Never there. */
  readonly error?: never;
}

/** The end of a task that did not succeed. */
export interface FailureResult extends ResultBase {
  readonly success: false;
  /** How it ended. */
  readonly status: "failed" | "timed-out" | "cancelled" | "skipped";
  /** Never there. */
  readonly output?: never;
  /** What was thrown, or an `OrchestratorError` that tells what happened. */
  readonly error: Error;
  /** Why, as data. */
  readonly reason: FailureReason;
}

/** The end of one task, told apart by `success`. */
export type ExecutionResult<Output = unknown> = SuccessResult<Output> | FailureResult;
