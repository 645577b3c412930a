/**
 * The port to whatever carries out attempts. A runner is given one attempt, and reports to its listener:
 *
 *     start() -> started()? -> (progress() | log() | noted())* -> exactly one of succeeded(), failed(), lost(), stopped()
 *
 * After `abort` the runner stops the attempt by whatever force it has and then reports an end, `stopped` where there is
 * nothing else to say. Resources of the attempt are given back at that report and not before, so it must be true.
 */
import type { AttemptFacts, FailureReason, ResourceUsage } from "../model/result.js";
import type { DescribedWork, Inputs } from "../model/work.js";

/** One attempt, as a runner is given it. */
export interface AttemptRequest {
  readonly runId: string;
  readonly taskId: string;
  /** Kind of task, for statistics. */
  readonly name: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly work: DescribedWork;
  readonly inputs: Inputs;
  /** W3C Trace Context (`traceparent`, `tracestate`) that the attempt carries, where somebody traces. */
  readonly trace?: Readonly<Record<string, string>> | undefined;
  /** Limit of the attempt. The executor enforces it by `abort`; a runner may use it to set a harder limit of its own. */
  readonly timeoutMs: number | undefined;
  /** Declared memory of the task, which a runner that can enforce it enforces. */
  readonly memoryBytes: number | undefined;
  /** Declared CPU cores of the task. */
  readonly cpuCores: number | undefined;
  /** The task's key of affinity: a worker that served the same key before is preferred, where it is free. */
  readonly affinity?: string | undefined;
  /** Declared amounts of custom resources; absent where there are none. */
  readonly resources?: Readonly<Record<string, number>> | undefined;
  /** Whether the run is journalled, so that another process may have begun it, or may go on with it. */
  readonly resumable?: boolean;
}

/** What a runner tells of an attempt. Calls after the end are ignored. */
export interface AttemptListener {
  /** The attempt's own code begins now: its clock starts. To be called once, by every runner, before the end. */
  started(workerId: string): void;
  progress(value: unknown): void;
  log(stream: "stdout" | "stderr" | "log", text: string): void;
  /** How the attempt is served, for whoever watches. Before its end; fields of a later call replace those of an earlier one. */
  noted(facts: AttemptFacts): void;
  succeeded(output: unknown, usage?: ResourceUsage): void;
  /** The attempt itself failed. `retryable: false` where another try cannot help. */
  failed(failure: AttemptFailure): void;
  /** The worker died through no fault of this attempt: it is tried again without being charged, once. */
  lost(error: Error): void;
  /** The attempt was aborted and nothing of it runs any more. */
  stopped(usage?: ResourceUsage): void;
}

export interface AttemptFailure {
  readonly error: Error;
  readonly reason: FailureReason;
  readonly retryable?: boolean;
  readonly usage?: ResourceUsage;
}

/** A started attempt. */
export interface AttemptControl {
  /** Ends the attempt: its signal is aborted, then it is stopped by force. Idempotent. */
  abort(reason: Error): void;
  /**
   * Nothing more can come from this attempt's run that it could be served together with: it has no reason to wait. Told
   * only of work that waits for others.
   */
  hurry?(): void;
}

/** What holds a limit: the kernel's cgroup, the engine's own heap limit, only the admission of tasks, or nothing. */
export interface LimitEnforcement {
  /** Which limit. */
  readonly limit: "memory" | "cpu";
  /** `"cgroup-v2"`, `"cgroup-v1"`, `"heap-limit"`, `"rlimit"`, `"admission"` (declared use is counted, not held). */
  readonly by: string;
  /** What that does not cover, or why nothing stronger holds it. */
  readonly detail?: string;
}

export interface Runner {
  /** The `kind` of work that it carries out. */
  readonly kind: DescribedWork["kind"];
  start(request: AttemptRequest, listener: AttemptListener): AttemptControl;
  /** What holds the limits of the attempts that it runs. */
  enforcement(): readonly LimitEnforcement[];
  /** Ends every worker and gives back all that the runner holds. Attempts still running are stopped. */
  close(): Promise<void>;
}
