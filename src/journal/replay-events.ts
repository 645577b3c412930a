/**
 * Makes the events of a run anew from its records, in the order of their times: what a monitor, a trace or a page shows of an
 * earlier run. Progress and what attempts held are not kept. An attempt that was cut off by the death of its process ends as
 * `lost`, at the last sign of life of that process.
 */

import { kindOfId } from "../core/task-kinds.js";
import { fromErrorData, OrchestratorError } from "../model/error.js";
import type { AttemptEndedEvent, GraphOutline, RunEvent } from "../model/event.js";
import { History } from "./history.js";
import { resultOf } from "./journalled-result.js";
import type {
  AttemptFailedRecord,
  AttemptStartedRecord,
  AttemptSucceededRecord,
  GraphRecord,
  JournalRecord,
  RetryScheduledRecord,
  TasksAddedRecord,
} from "./record.js";

type NewEvent = RunEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, "sequence" | "runId">
    : never
  : never;

export class EventReplay {
  readonly #folder: string;
  readonly #history = new History();
  readonly #events: NewEvent[] = [];
  /** Attempt of each task whose start has been told. */
  readonly #told = new Map<string, number>();
  #runId = "";

  constructor(folder: string) {
    this.#folder = folder;
  }

  take(record: JournalRecord): void {
    const history = this.#history;
    if (record.type === "opened" && history.opened !== undefined) this.#interrupted();
    const first = history.graph === undefined;
    history.apply(record);
    switch (record.type) {
      case "opened":
        this.#runId = record.runId;
        return;
      case "graph":
        if (first) this.#runStarted(record);
        return;
      case "resumed":
        this.#events.push({
          type: "run-resumed",
          at: record.at,
          reused: endedTasks(history),
          rerun: record.again.length,
        });
        return;
      case "attempt-started":
        this.#attemptStarted(record, record.at);
        return;
      case "attempt-succeeded":
      case "attempt-failed":
        this.#attemptEnded(record);
        return;
      case "retry-scheduled":
        this.#retryScheduled(record);
        return;
      case "condition-decided":
        return;
      case "task-ended":
        this.#taskEnded(record.task, record.at);
        return;
      case "tasks-added":
        this.#tasksAdded(record);
        return;
      case "attempt-log": {
        const { attempt, stream, text, at } = record;
        this.#events.push({ type: "attempt-log", at, ...this.#named(record.task), attempt, stream, text });
        return;
      }
      case "task-suspended":
      case "task-resumed":
        this.#events.push({ type: record.type, at: record.at, ...this.#named(record.task) });
        return;
      default:
        this.#events.push(record);
    }
  }

  /** All events, numbered in the order of their times. */
  events(): RunEvent[] {
    const ordered = [...this.#events].sort((left, right) => left.at - right.at);
    return ordered.map((event, sequence) => ({ ...event, sequence, runId: this.#runId }) as RunEvent);
  }

  #runStarted(graph: GraphRecord): void {
    const { name, limits, ids } = graph;
    const at = this.#history.firstAt;
    this.#events.push({
      type: "run-started",
      at,
      graph: name,
      taskCount: ids.length,
      outline: outlineOf(graph),
      limits,
    });
  }

  #attemptStarted({ task, attempt, readyAt, workerId }: AttemptEndOrStart, at: number): void {
    const named = this.#named(task);
    if (this.#told.get(named.taskId) === attempt) return;
    // When a later attempt became ready is not kept; it was ready when it started.
    this.#events.push({ type: "task-ready", at: this.#told.has(named.taskId) ? at : readyAt, ...named });
    this.#told.set(named.taskId, attempt);
    this.#events.push({ type: "attempt-started", at, ...named, attempt, workerId });
  }

  #attemptEnded(record: AttemptSucceededRecord | AttemptFailedRecord): void {
    const { task, attempt, at, startedAt, workerId, usage, facts } = record;
    this.#attemptStarted(record, startedAt);
    this.#events.push({
      type: "attempt-ended",
      at,
      ...this.#named(task),
      attempt,
      workerId,
      executionTime: Math.max(0, at - startedAt) / 1000,
      ...(record.type === "attempt-succeeded" ? { outcome: "succeeded" as const } : failureOf(record)),
      ...(usage && { resourceUsage: usage }),
      ...(facts && { facts }),
    });
    if (record.type === "attempt-succeeded") this.#taskEnded(task, at);
  }

  #retryScheduled({ task, attempt, retryAt }: RetryScheduledRecord): void {
    const { taskId } = this.#named(task);
    const place = this.#events.findLastIndex(
      (event) => event.type === "attempt-ended" && event.taskId === taskId && event.attempt === attempt,
    );
    if (place >= 0) this.#events[place] = { ...(this.#events[place] as AttemptEndedEvent), retryAt };
  }

  #taskEnded(task: number, at: number): void {
    const named = this.#named(task);
    const result = resultOf(this.#folder, named.taskId, this.#history.tasks[task]!);
    this.#events.push({ type: "task-ended", at, ...named, status: result.status, result });
  }

  #tasksAdded({ parent, at, tasks }: TasksAddedRecord): void {
    const taskIds = tasks.map(({ id }) => id);
    const added = tasks.map(({ name, dependsOn }) => ({ name, dependsOn }));
    this.#events.push({ type: "tasks-added", at, ...this.#named(parent), taskIds, added });
  }

  /** The process died: what ran in it ended with it. */
  #interrupted(): void {
    const at = this.#history.lastAt;
    this.#history.tasks.forEach((task, number) => {
      if (task?.running !== true) return;
      this.#events.push({
        type: "attempt-ended",
        at,
        ...this.#named(number),
        attempt: task.attempts,
        workerId: task.workerId ?? "inline",
        outcome: "lost",
        executionTime: Math.max(0, at - task.startedAt) / 1000,
        error: new OrchestratorError("WORKER_LOST", "the process of the run ended before the attempt did"),
        reason: { kind: "worker-lost" },
      });
    });
  }

  #named(task: number): { taskId: string; name: string } {
    const history = this.#history;
    const taskId = history.idOf(task);
    const name = task < history.planCount ? history.graph!.names.get(task) : history.tasks[task]?.added?.name;
    return { taskId, name: name ?? kindOfId(taskId) };
  }
}

type AttemptEndOrStart = Pick<AttemptStartedRecord, "task" | "attempt" | "readyAt" | "workerId">;

function failureOf({ outcome, error, reason }: AttemptFailedRecord) {
  return { outcome, error: fromErrorData(error), reason };
}

function endedTasks(history: History): number {
  return history.tasks.reduce((count, task) => (task?.end === undefined ? count : count + 1), 0);
}

function outlineOf({ ids, names, offsets, targets }: GraphRecord): GraphOutline {
  return {
    size: ids.length,
    taskId: (task) => ids[task]!,
    name: (task) => names.get(task) ?? kindOfId(ids[task]!),
    dependencies: (task) => targets.subarray(offsets[task]!, offsets[task + 1]!),
  };
}
