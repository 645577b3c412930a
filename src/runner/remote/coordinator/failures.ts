/** Ends of attempts that no worker has told. */
import { OrchestratorError } from "../../../model/error.js";
import type { AttemptFailure } from "../../../port/runner.js";

/** An attempt that cannot be sent, now or later. */
export function asRefusal(error: Error): AttemptFailure {
  const given = error instanceof OrchestratorError ? error.failureReason : undefined;
  return { error, reason: given ?? { kind: "not-serialisable" }, retryable: false };
}

/** Another coordinator goes on with the run: whatever this one still wanted is not its business any more. */
export function superseded(runId: string): AttemptFailure {
  const error = new OrchestratorError("WORKER_LOST", `another coordinator has taken over the run ${runId}`);
  return { error, reason: { kind: "worker-lost" }, retryable: false };
}

/** No worker has the module, or the room. */
export function unplaceable(returned: string, workerIds: readonly string[]): AttemptFailure {
  const workers = workerIds.join(", ") || "none";
  const message = `no worker can have the task: the last one handed it back because ${returned}; workers: ${workers}`;
  return { error: new OrchestratorError("NO_WORKER", message), reason: { kind: "error" }, retryable: false };
}

/** The worker died, or seems so; `undefined` where the attempt had not told that it began. */
export function workerLost(workerId: string | undefined): OrchestratorError {
  return new OrchestratorError(
    "WORKER_LOST",
    `worker ${workerId ?? "of the task"} ended, or lost its way to Redis, while the task was with it`,
  );
}
