/** What happened to each task of a run, gathered from its events: times and dependencies, for analyses. */
import type { RunEvent, RunStartedEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";

export interface AttemptSpan {
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly workerId: string;
  /** Held besides the slot. */
  readonly resources: Readonly<Record<string, number>>;
  readonly outcome: string;
}

export interface TaskHistory {
  readonly id: string;
  readonly name: string;
  dependsOn: readonly string[];
  /** The task that added it while it ran. */
  addedBy?: string;
  readyAt?: number;
  endedAt?: number;
  status?: TaskStatus;
  readonly attempts: AttemptSpan[];
}

export interface RunHistory {
  readonly runId: string;
  readonly graph: string;
  readonly limits: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly tasks: ReadonlyMap<string, TaskHistory>;
}

/** Reads the events of one run. Of a run that goes on or was cut off, what is known so far. */
export function readHistory(events: Iterable<RunEvent>): RunHistory {
  const tasks = new Map<string, TaskHistory>();
  const open = new Map<string, { readonly start: number; readonly resources: Readonly<Record<string, number>> }>();
  let started: RunStartedEvent | undefined;
  let first: RunEvent | undefined;
  let lastAt = 0;
  const taskOf = (id: string, name: string): TaskHistory => {
    let task = tasks.get(id);
    if (task === undefined) {
      task = { id, name, dependsOn: [], attempts: [] };
      tasks.set(id, task);
    }
    return task;
  };
  for (const event of events) {
    first ??= event;
    lastAt = Math.max(lastAt, event.at);
    switch (event.type) {
      case "run-started":
        started = event;
        readOutline(event, taskOf);
        break;
      case "tasks-added":
        event.taskIds.forEach((id, place) => {
          const added = event.added?.[place];
          const task = taskOf(id, added?.name ?? id);
          task.dependsOn = [...(added?.dependsOn ?? [])];
          task.addedBy = event.taskId;
        });
        break;
      case "task-ready":
        taskOf(event.taskId, event.name).readyAt ??= event.at;
        break;
      case "attempt-started":
        open.set(event.taskId, { start: event.at, resources: event.resources ?? {} });
        break;
      case "attempt-ended": {
        const { taskId, name, workerId, outcome, at } = event;
        const { start = at - event.executionTime * 1000, resources = {} } = open.get(taskId) ?? {};
        open.delete(taskId);
        taskOf(taskId, name).attempts.push({ start, end: at, workerId, resources, outcome });
        break;
      }
      case "task-ended": {
        const task = taskOf(event.taskId, event.name);
        task.endedAt = event.at;
        task.status = event.status;
        break;
      }
      default:
        break;
    }
  }
  return {
    runId: first?.runId ?? "",
    graph: started?.graph ?? "",
    limits: started?.limits ?? {},
    startedAt: started?.at ?? first?.at ?? 0,
    endedAt: lastAt,
    tasks,
  };
}

function readOutline({ outline }: RunStartedEvent, taskOf: (id: string, name: string) => TaskHistory): void {
  for (let task = 0; task < (outline?.size ?? 0); task++) {
    taskOf(outline!.taskId(task), outline!.name(task)).dependsOn = Array.from(
      outline!.dependencies(task) as ArrayLike<number>,
      (dependency) => outline!.taskId(dependency),
    );
  }
}
