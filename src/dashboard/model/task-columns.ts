/** The tasks of a run in columns that grow: what they are, and how they stand. */
import { TaskIndex } from "../../core/task-index.js";
import type { GraphOutline } from "../../model/event.js";
import { TaskLinks } from "./task-links.js";

type Column = Uint8Array | Uint16Array | Int32Array | Float64Array;

export class TaskTable {
  size = 0;
  readonly ids: string[] = [];
  /** Index into `kindNames`. */
  kind = new Int32Array(64);
  readonly kindNames: string[] = [];
  parent = new Int32Array(64);
  state = new Uint8Array(64);
  attempts = new Uint16Array(64);
  /** Milliseconds since the run started; -1 for not yet. */
  readyAt = new Float64Array(64);
  startedAt = new Float64Array(64);
  endedAt = new Float64Array(64);
  worker = new Int32Array(64);
  note = new Int32Array(64);
  /** Sequence of the last event that changed the task. */
  changed = new Float64Array(64);
  readonly #links = new TaskLinks();
  readonly #numbers = new TaskIndex();
  readonly #kinds = new Map<string, number>();

  number(id: string): number | undefined {
    return this.#numbers.get(id);
  }

  dependencies(task: number): Int32Array {
    return this.#links.dependencies(task);
  }

  setDependencies(task: number, dependencies: ArrayLike<number>): void {
    this.#links.setDependencies(task, dependencies);
  }

  dependents(task: number): Int32Array {
    return this.#links.dependents(task, this.size);
  }

  addOutline(outline: GraphOutline, sequence: number): void {
    for (let task = 0; task < outline.size; task++) this.add(outline.taskId(task), outline.name(task), -1, sequence);
    for (let task = 0; task < outline.size; task++) this.setDependencies(task, outline.dependencies(task));
  }

  add(id: string, name: string, parent: number, sequence: number): number {
    const task = this.size;
    if (task === this.state.length) this.#grow();
    this.size++;
    this.ids.push(id);
    this.#numbers.set(id, task);
    this.kind[task] = this.#kindOf(name);
    this.parent[task] = parent;
    this.readyAt[task] = -1;
    this.startedAt[task] = -1;
    this.endedAt[task] = -1;
    this.worker[task] = -1;
    this.note[task] = -1;
    this.changed[task] = sequence;
    return task;
  }

  #kindOf(name: string): number {
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    this.#kinds.set(name, this.kindNames.length);
    return this.kindNames.push(name) - 1;
  }

  #grow(): void {
    const length = this.state.length * 2;
    const grown = <T extends Column>(column: T, fresh: T): T => {
      fresh.set(column as never);
      return fresh;
    };
    this.kind = grown(this.kind, new Int32Array(length));
    this.parent = grown(this.parent, new Int32Array(length));
    this.state = grown(this.state, new Uint8Array(length));
    this.attempts = grown(this.attempts, new Uint16Array(length));
    this.readyAt = grown(this.readyAt, new Float64Array(length));
    this.startedAt = grown(this.startedAt, new Float64Array(length));
    this.endedAt = grown(this.endedAt, new Float64Array(length));
    this.worker = grown(this.worker, new Int32Array(length));
    this.note = grown(this.note, new Int32Array(length));
    this.changed = grown(this.changed, new Float64Array(length));
  }
}
