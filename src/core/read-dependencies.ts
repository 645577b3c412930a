/**
 * Numbers the tasks of a graph and reads their dependencies into compressed sparse rows, in one pass. A dependency mostly
 * comes before its dependents, where its place in the index is still warm; one that comes later is looked up at the end.
 */
import { describeId, nearestName, type ProblemList } from "../model/check.js";
import type { Task } from "../model/task.js";
import type { Adjacency } from "./plan.js";
import { hashOf, TaskIndex } from "./task-index.js";
import type { TaskKinds } from "./task-kinds.js";

export class DependencyReader {
  readonly numbers: TaskIndex;
  readonly #problems: ProblemList;
  readonly #offsets: Int32Array;
  #targets: Int32Array;
  #edges = 0;
  /** Edges whose dependency had no number yet, and its id. */
  readonly #later: { readonly edge: number; readonly task: number; readonly id: string }[] = [];

  constructor(count: number, problems: ProblemList) {
    this.numbers = new TaskIndex(count);
    this.#problems = problems;
    this.#offsets = new Int32Array(count + 1);
    this.#targets = new Int32Array(Math.max(16, count * 3));
  }

  /**
   * Tasks are to be read in order of their numbers.
   *
   * @param kinds where the task's kind is to be read too, which goes over its id anyway.
   */
  read(number: number, task: Task, kinds: TaskKinds | undefined): void {
    if (typeof task === "object" && task !== null) {
      const { dependsOn, inputs } = task;
      if (Array.isArray(dependsOn)) this.#addAll(number, dependsOn);
      if (typeof inputs === "object" && inputs !== null) this.#addAll(number, Object.values(inputs));
    }
    this.#offsets[number + 1] = this.#edges;
    const id = task?.id;
    // What is no string is told of by the check of its options; here it needs a number of its own all the same.
    if (typeof id !== "string") this.numbers.add(`\0${number}`);
    else if (this.numbers.add(id, kinds === undefined ? hashOf(id) : kinds.read(number, task)) >= 0) {
      this.numbers.add(`\0${number}`);
      this.#problems.add(`task ${describeId(id)}`, "has the same id as another task of the graph; ids are unique");
    }
  }

  #addAll(task: number, ids: readonly string[]): void {
    if (this.#edges + ids.length > this.#targets.length) this.#grow(ids.length);
    const unknown = this.numbers.readNumbers(ids, this.#targets, this.#edges);
    if (unknown > 0) {
      ids.forEach((id, index) => {
        const edge = this.#edges + index;
        if (this.#targets[edge]! < 0) this.#later.push({ edge, task, id });
      });
    }
    this.#edges += ids.length;
  }

  /** Whether every dependency came before its dependents, so that the order of the tasks is a topological one. */
  get ordered(): boolean {
    return this.#later.length === 0;
  }

  /** The rows. Reports dependencies on tasks that are not there, and leaves them out, so that cycles can be told too. */
  finish(tasks: readonly Task[]): Adjacency {
    let unknown = false;
    for (const { edge, task, id } of this.#later) {
      const target = this.numbers.numberOf(id);
      this.#targets[edge] = target;
      if (target >= 0) continue;
      unknown = true;
      this.#reportUnknown(tasks[task]!, id);
    }
    const targets = this.#targets.subarray(0, this.#edges);
    return unknown ? withoutUnknown(this.#offsets, targets) : { offsets: this.#offsets, targets };
  }

  #grow(by: number): void {
    const larger = new Int32Array(this.#targets.length * 2 + by);
    larger.set(this.#targets);
    this.#targets = larger;
  }

  #reportUnknown(task: Task, id: string): void {
    const nearest = this.#problems.full || typeof id !== "string" ? undefined : nearestName(id, this.numbers.keys());
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    this.#problems.add(
      `task ${describeId(task.id)}`,
      `depends on "${describeId(id)}", which is not in the graph${hint}`,
    );
  }
}

function withoutUnknown(offsets: Int32Array, targets: Int32Array): Adjacency {
  const kept = new Int32Array(offsets.length);
  for (let task = 0; task + 1 < offsets.length; task++) {
    const known = targets.subarray(offsets[task]!, offsets[task + 1]!).filter((target) => target >= 0);
    kept[task + 1] = kept[task]! + known.length;
  }
  return { offsets: kept, targets: targets.filter((target) => target >= 0) };
}
