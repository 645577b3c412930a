/** A run that can be looked at: its model, and what can be done to it from a page. */
import type { Details } from "../model/details.js";
import { glanceAt } from "../model/glance.js";
import type { RunModel } from "../model/run-model.js";
import { cut } from "../model/text.js";
import type { Glance, RunSummary, TaskColumns, TaskDetail } from "../protocol.js";
import { taskStates } from "../protocol.js";

/** What a page may ask of a live run. */
export interface RunControl {
  cancel(reason: string): void;
  cancelTask(taskId: string): void;
  /** Runs again what did not succeed, or one task and what depends on it; gives the id of the new run. Absent where nothing can. */
  retry?(taskId?: string): string;
}

const mostId = 500;
const mostKind = 200;
const mostNeighbours = 200;
/** A glance is made at most so often, for however many pages. */
const glanceMs = 400;

export class RunEntry {
  readonly model: RunModel;
  readonly control: RunControl | undefined;
  #glance: Glance | undefined;
  #glanceAt = 0;

  constructor(model: RunModel, control: RunControl | undefined) {
    this.model = model;
    this.control = control;
  }

  summary(): RunSummary {
    const { id, graph, state, startedAt, endedAt, tasks, counts, limits, ended, reused } = this.model;
    const retryable = this.model.unsuccessful > 0 && (ended || this.model.state === "running");
    return {
      id,
      graph,
      state,
      startedAt,
      endedAt,
      size: tasks.size,
      counts: [...counts],
      canCancel: this.control !== undefined && !ended && state !== "cancelling",
      canRetry: this.control?.retry !== undefined && retryable,
      limits,
      ...(reused !== undefined && { reused }),
    };
  }

  glance(): Glance {
    const now = this.model.ended ? this.model.endedAt! : Date.now();
    const fresh = this.#glance !== undefined && Math.abs(now - this.#glanceAt) < glanceMs && !this.model.ended;
    if (!fresh) {
      this.#glance = glanceAt(this.model, now);
      this.#glanceAt = now;
    }
    return this.#glance!;
  }

  /** What the tasks from `from` on are, at most so many. */
  columns(from: number, most: number): TaskColumns {
    const { tasks } = this.model;
    const end = Math.min(tasks.size, from + most);
    const columns = {
      from,
      ids: [] as string[],
      kinds: [] as number[],
      kindNames: tasks.kindNames.map((name) => cut(name, mostKind)),
      dependencyCounts: [] as number[],
      dependencies: [] as number[],
      parents: [] as number[],
    };
    for (let task = from; task < end; task++) {
      const dependencies = tasks.dependencies(task);
      columns.ids.push(cut(tasks.ids[task]!, mostId));
      columns.kinds.push(tasks.kind[task]!);
      columns.dependencyCounts.push(dependencies.length);
      for (const dependency of dependencies) columns.dependencies.push(dependency);
      columns.parents.push(tasks.parent[task]!);
    }
    return columns;
  }

  detail(task: number): TaskDetail {
    const { tasks, details, roots } = this.model;
    const kept = details.get(task);
    const dependents = tasks.dependents(task);
    const root = roots.get(task);
    return {
      task,
      id: cut(tasks.ids[task]!, mostId),
      name: cut(tasks.kindNames[tasks.kind[task]!]!, mostKind),
      state: taskStates[tasks.state[task]!]!,
      attempts: kept?.attempts ?? [],
      log: kept?.log ?? [],
      droppedLines: kept?.droppedLines ?? 0,
      ...endOf(kept),
      dependencies: [...tasks.dependencies(task).subarray(0, mostNeighbours)],
      dependents: [...dependents.subarray(0, mostNeighbours)],
      dependentCount: dependents.length,
      ...(root !== undefined && { root }),
      forgotten: kept === undefined && details.forgotten > 0,
    };
  }
}

function endOf(kept: Readonly<Details> | undefined): Pick<TaskDetail, "told" | "output" | "error" | "reason"> {
  if (kept === undefined) return {};
  const { told, output, error, reason } = kept;
  return {
    ...(told !== undefined && { told }),
    ...(output !== undefined && { output }),
    ...(error !== undefined && { error }),
    ...(reason !== undefined && { reason }),
  };
}
