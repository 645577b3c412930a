/** One line for each thing that happens in a run: for logs and pipes, and above the moving part on a terminal. */
import type { RunEvent } from "../../model/event.js";
import type { ExecutionResult, TaskStatus } from "../../model/result.js";
import { formatDurationMs } from "../../model/units.js";
import { harmless, type Style } from "./style.js";

export const statusMarks: Readonly<Record<TaskStatus, string>> = {
  succeeded: "\u2713",
  failed: "\u2717",
  "timed-out": "\u2717",
  cancelled: "\u25a0",
  skipped: "\u2013",
};

export function paintStatus(status: TaskStatus, text: string, style: Style): string {
  if (status === "succeeded") return style.good(text);
  return status === "skipped" ? style.dim(text) : style.error(text);
}

export interface LineOptions {
  /** Lines for starts, and for what tasks write and log. */
  readonly starts: boolean;
  readonly logs: boolean;
  /** Failures alone. */
  readonly quiet: boolean;
}

/** The line of an event, or `undefined` where it has none. */
export function lineOf(event: RunEvent, style: Style, options: LineOptions): string | undefined {
  switch (event.type) {
    case "attempt-started":
      if (!options.starts || options.quiet) return undefined;
      return style.dim(
        `\u25b8 ${harmless(event.taskId)}${event.attempt > 1 ? ` (attempt ${event.attempt})` : ""} on ${event.workerId}`,
      );
    case "attempt-ended":
      if (event.retryAt === undefined || options.quiet) return undefined;
      return `${style.warning("\u21bb")} ${harmless(event.taskId)} ${style.dim(`attempt ${event.attempt}:`)} ${firstLine(event.error)} ${style.dim(`(again in ${seconds(event.retryAt - event.at)})`)}`;
    case "attempt-log":
      return options.logs ? logLines(event.taskId, event.text, style) : undefined;
    case "task-ended":
      if (options.quiet && (event.status === "succeeded" || event.status === "skipped")) return undefined;
      return endLine(event.result, style);
    case "run-resumed": {
      const again = event.rerun === 0 ? "" : `, ${event.rerun} to run again`;
      const done = event.reused === 1 ? "1 task" : `${event.reused} tasks`;
      return options.quiet ? undefined : style.accent(`\u21ba resumed: ${done} done before${again}`);
    }
    case "cancel-requested":
      return event.by === "fail-fast"
        ? style.warning("! cancelling the rest: a task failed, and the policy is fail-fast")
        : undefined;
    default:
      return undefined;
  }
}

function endLine(result: ExecutionResult, style: Style): string {
  const mark = paintStatus(result.status, statusMarks[result.status], style);
  const tries = result.attempts > 1 ? `, attempt ${result.attempts}` : "";
  const time = result.attempts > 0 ? ` ${style.dim(`${seconds(result.executionTime * 1000)}${tries}`)}` : "";
  const taskId = harmless(result.taskId);
  if (result.success) return `${mark} ${taskId}${time}`;
  const message = withoutTask(firstLine(result.error), result.taskId);
  return `${mark} ${taskId}${time} ${result.status === "skipped" ? style.dim(message) : message}`;
}

function logLines(taskId: string, text: string, style: Style): string {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `${style.dim(`${harmless(taskId)} |`)} ${harmless(line)}`)
    .join("\n");
}

/** The engine's own messages begin with the task, which a line or block about it names already. */
export function withoutTask(message: string, taskId: string): string {
  const start = `task "${taskId}" `;
  return message.startsWith(start) ? message.slice(start.length) : message;
}

/** The first line of an error's message. */
export function firstLine(error: Error | undefined): string {
  const line = harmless((error?.message ?? "").split("\n", 1)[0]!);
  return line.length > 300 ? `${line.slice(0, 299)}\u2026` : line;
}

/** A duration for people: whole milliseconds below a second, else tenths of a second. */
export function seconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))}ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)}s`;
  return formatDurationMs(Math.round(milliseconds / 1000) * 1000);
}
