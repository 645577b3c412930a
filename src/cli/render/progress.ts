/** What a run looks like at a moment, folded from its events. Nothing here reads a clock or a stream. */
import type { RunEvent } from "../../model/event.js";
import type { TaskStatus } from "../../model/result.js";

export interface RunningTask {
  readonly taskId: string;
  readonly attempt: number;
  readonly workerId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** What the task told of itself: a fraction, or words. */
  readonly told?: string;
}

export interface RetryingTask {
  readonly taskId: string;
  readonly attempt: number;
  readonly retryAt: number;
  readonly message: string;
}

export class RunProgress {
  total = 0;
  startedAt = 0;
  cancelled = false;
  retries = 0;
  readonly counts: Record<TaskStatus, number> = { succeeded: 0, failed: 0, "timed-out": 0, cancelled: 0, skipped: 0 };
  readonly running = new Map<string, RunningTask>();
  readonly retrying = new Map<string, RetryingTask>();
  /** Tasks that wait for tasks that they added, and how many of those have not ended. */
  readonly waiting = new Map<string, { readonly startedAt: number; left: number; readonly of: number }>();
  /** Seconds that ended tasks ran, by id. */
  readonly durations = new Map<string, number>();
  /** The task that added a task. */
  readonly parents = new Map<string, string>();

  get ended(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  apply(event: RunEvent): void {
    switch (event.type) {
      case "run-started":
        this.total = event.taskCount;
        this.startedAt = event.at;
        return;
      case "tasks-added":
        this.total += event.taskIds.length;
        for (const id of event.taskIds) this.parents.set(id, event.taskId);
        this.#added.set(event.taskId, event.taskIds.length);
        return;
      case "attempt-started": {
        const { taskId, attempt, workerId, at } = event;
        this.retrying.delete(taskId);
        this.running.set(taskId, { taskId, attempt, workerId, startedAt: at });
        return;
      }
      case "attempt-progress": {
        const task = this.running.get(event.taskId);
        if (task !== undefined) this.running.set(event.taskId, { ...task, told: describeProgress(event.value) });
        return;
      }
      case "attempt-ended":
        this.running.delete(event.taskId);
        this.waiting.delete(event.taskId);
        if (event.retryAt !== undefined)
          this.#retry(event.taskId, event.attempt + 1, event.retryAt, event.error?.message ?? "");
        return;
      case "task-suspended":
        this.#suspend(event.taskId, event.at);
        return;
      case "task-resumed":
        this.#resume(event.taskId, event.at);
        return;
      case "task-restored":
        this.counts[event.status]++;
        return;
      case "task-ended":
        this.#end(event.taskId, event.status, event.result.executionTime);
        return;
      case "cancel-requested":
        this.cancelled = true;
        return;
      default:
    }
  }

  readonly #added = new Map<string, number>();

  #retry(taskId: string, attempt: number, retryAt: number, message: string): void {
    this.retries++;
    this.retrying.set(taskId, { taskId, attempt, retryAt, message });
  }

  #suspend(taskId: string, at: number): void {
    const startedAt = this.running.get(taskId)?.startedAt ?? at;
    const of = this.#added.get(taskId) ?? 0;
    this.running.delete(taskId);
    this.waiting.set(taskId, { startedAt, left: of, of });
  }

  #resume(taskId: string, at: number): void {
    const startedAt = this.waiting.get(taskId)?.startedAt ?? at;
    this.waiting.delete(taskId);
    this.running.set(taskId, { taskId, attempt: 1, workerId: "inline", startedAt });
  }

  #end(taskId: string, status: TaskStatus, executionTime: number): void {
    this.counts[status]++;
    this.running.delete(taskId);
    this.retrying.delete(taskId);
    this.waiting.delete(taskId);
    if (status === "succeeded") this.durations.set(taskId, executionTime);
    const parent = this.waiting.get(this.parents.get(taskId) ?? "");
    if (parent !== undefined) parent.left--;
  }
}

/** A task's own progress, in a few words: `0.4` is `40 %`. */
export function describeProgress(value: unknown): string {
  if (typeof value === "number" && value >= 0 && value <= 1) return `${Math.round(value * 100)} %`;
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > 60 ? `${text.slice(0, 59)}\u2026` : text;
}
