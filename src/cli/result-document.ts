/** The result of a run as one JSON document: what `run --json` prints and `--output` writes, and `simulate --durations` reads. */
import { type ErrorData, toErrorData } from "../model/error.js";
import type { ExecutionResult, FailureReason, ResourceUsage, TaskStatus } from "../model/result.js";
import type { LimitEnforcement } from "../port/runner.js";

/** Version of the document's form; a reader refuses a greater one. */
export const resultVersion = 1;

export interface TaskDocument {
  readonly status: TaskStatus;
  readonly attempts: number;
  /** Seconds. */
  readonly queuedTime: number;
  /** Seconds. */
  readonly executionTime: number;
  readonly startedAt?: string;
  readonly endedAt: string;
  readonly workerId?: string;
  readonly resourceUsage?: ResourceUsage;
  readonly output?: unknown;
  readonly error?: Pick<ErrorData, "name" | "message" | "code">;
  readonly reason?: FailureReason;
}

export interface ResultDocument {
  readonly version: number;
  readonly name: string;
  readonly runId: string;
  readonly status: "succeeded" | "failed" | "interrupted";
  readonly startedAt: string;
  /** Seconds. */
  readonly duration: number;
  readonly counts: Readonly<Record<TaskStatus, number>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Outputs that could not be made, and why. */
  readonly missingOutputs: Readonly<Record<string, string>>;
  readonly enforcement: readonly LimitEnforcement[];
  readonly tasks: Readonly<Record<string, TaskDocument>>;
}

export function taskDocument(result: ExecutionResult, withOutput: boolean): TaskDocument {
  const { status, attempts, queuedTime, executionTime, startedAt, endedAt, workerId, resourceUsage } = result;
  const timing = {
    status,
    attempts,
    queuedTime,
    executionTime,
    ...(startedAt !== undefined && { startedAt: new Date(startedAt).toISOString() }),
    endedAt: new Date(endedAt).toISOString(),
    ...(workerId !== undefined && { workerId }),
    ...(resourceUsage && { resourceUsage }),
  };
  if (result.success) return withOutput ? { ...timing, output: result.output } : timing;
  const { name, message, code } = toErrorData(result.error);
  return { ...timing, error: { name, message, ...(code !== undefined && { code }) }, reason: result.reason };
}

/** The document as text. What JSON has no form for is told as text (big integers) or left out (functions). */
export function documentText(document: unknown): string {
  const open: unknown[] = [];
  function replace(this: unknown, _key: string, value: unknown): unknown {
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || value === null) return value;
    while (open.length > 0 && open.at(-1) !== this) open.pop();
    if (open.includes(value)) return "[circular]";
    open.push(value);
    if (value instanceof Map) return Object.fromEntries(value);
    if (value instanceof Set) return [...value];
    return ArrayBuffer.isView(value) ? `[${value.byteLength} bytes]` : value;
  }
  return `${JSON.stringify(document, replace, 2)}\n`;
}
