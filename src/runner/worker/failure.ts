/** How the ends of a worker, and of attempts inside it, are told to the executor. */
import { type ErrorData, fromErrorData, OrchestratorError } from "../../model/error.js";
import { exactBytes } from "../../model/units.js";
import type { AttemptFailure } from "../../port/runner.js";
import { type FailureKind, failureKind } from "./protocol.js";

/** A failure that the worker itself reported. */
export function reportedFailure(kind: FailureKind, data: ErrorData, module: string): AttemptFailure {
  const error = fromErrorData(data);
  switch (kind) {
    case failureKind.thrown:
      return { error, reason: error instanceof OrchestratorError ? ownReason(error) : { kind: "error" } };
    case failureKind.notSerialisable:
      return outputNotSerialisable(error);
    case failureKind.moduleNotLoaded:
      return { error, reason: { kind: "module-not-loaded", module }, retryable: false };
  }
}

function ownReason(error: OrchestratorError): AttemptFailure["reason"] {
  return error.failureReason ?? { kind: "error" };
}

export function outputNotSerialisable(cause: unknown): AttemptFailure {
  return notSerialisable("the task's output cannot leave its worker", cause);
}

export function inputsNotSerialisable(cause: unknown): AttemptFailure {
  return notSerialisable("the task's inputs cannot be sent to a worker", cause);
}

function notSerialisable(what: string, cause: unknown): AttemptFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  const error = new OrchestratorError("NOT_SERIALISABLE", `${what}: ${why}`, { cause });
  return { error, reason: { kind: "not-serialisable" }, retryable: false };
}

/** Why a worker is no more. */
export interface WorkerEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What was thrown and caught by nobody. */
  readonly error?: Error;
  /** Set where memory ran out. */
  readonly memory?: { readonly limitBytes?: number; readonly peakBytes?: number };
}

/** The failure of the attempt that a worker died of. */
export function workerEndFailure(workerId: string, end: WorkerEnd): AttemptFailure {
  if (end.memory !== undefined) {
    const limit = end.memory.limitBytes === undefined ? "" : ` of ${exactBytes(end.memory.limitBytes)}`;
    const error = new OrchestratorError("WORKER_OUT_OF_MEMORY", `${workerId} went over its memory limit${limit}`, {
      ...(end.error === undefined ? {} : { cause: end.error }),
    });
    return { error, reason: { kind: "memory-limit", ...end.memory } };
  }
  const error = new OrchestratorError("WORKER_EXITED", `${workerId} ended while the task ran: ${howEnded(end)}`, {
    ...(end.error === undefined ? {} : { cause: end.error }),
  });
  return { error, reason: { kind: "worker-exited", exitCode: end.exitCode, signal: end.signal } };
}

/** What is told to an attempt that shared its worker with the one that it died of. */
export function workerLost(workerId: string, end: WorkerEnd): Error {
  return new OrchestratorError("WORKER_LOST", `${workerId} ended through no fault of this task: ${howEnded(end)}`, {
    ...(end.error === undefined ? {} : { cause: end.error }),
  });
}

function howEnded(end: WorkerEnd): string {
  if (end.memory !== undefined) return "out of memory";
  if (end.error !== undefined) return `uncaught ${end.error.name}: ${end.error.message}`;
  return end.signal === null ? `exit code ${end.exitCode}` : `killed by ${end.signal}`;
}
