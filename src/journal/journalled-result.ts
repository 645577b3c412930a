/** The result of a task as its journal tells it. */
import { fromErrorData, OrchestratorError } from "../model/error.js";
import type { ExecutionResult } from "../model/result.js";
import type { RecordedTask } from "./history.js";
import { loadOutput } from "./output-files.js";

/** The result of a task that has ended. An output in a file of its own is read when somebody looks at it. */
export function resultOf(runFolder: string, taskId: string, task: RecordedTask): ExecutionResult {
  const { end, attempts, uncharged, readyAt, startedAt, firstStartedAt, workerId, usage } = task;
  const { status, at, output, error, reason } = end!;
  const ran =
    attempts > 0 && status !== "skipped" && workerId !== undefined && (status !== "cancelled" || attempts > uncharged);
  const timing = ran
    ? {
        queuedTime: Math.max(0, firstStartedAt - readyAt) / 1000,
        executionTime: Math.max(0, at - startedAt) / 1000,
        startedAt: firstStartedAt,
        endedAt: at,
        workerId,
        ...(usage !== undefined && { resourceUsage: usage }),
      }
    : { queuedTime: 0, executionTime: 0, endedAt: at };
  if (status === "succeeded") {
    const base = { taskId, success: true, status, attempts, ...timing } as const;
    if ("value" in output!) return { ...base, output: output.value };
    return Object.defineProperty(base, "output", {
      enumerable: true,
      configurable: true,
      get: () => loadOutput(runFolder, output!),
    }) as unknown as ExecutionResult;
  }
  return {
    taskId,
    success: false,
    status,
    attempts,
    ...timing,
    error:
      error === undefined ? new OrchestratorError("TASK_SKIPPED", `task "${taskId}" ${status}`) : fromErrorData(error),
    reason: reason ?? { kind: "error" },
  };
}
