/**
 * Watches the batch tasks of a run, so that none waits for others that cannot come: an attempt that waits to be served
 * together with others is told to hurry when no other task of its key may start while it waits. A run without batch
 * tasks has no watch.
 */
import { mayStart } from "../core/prospects.js";
import { isEnd, TaskState } from "../core/task-table.js";
import type { Task } from "../model/task.js";
import type { RunState } from "./run-state.js";

interface Kind {
  /** Tasks of the key that have not ended, and some that have. */
  readonly tasks: Set<number>;
  /** Running attempts that wait to be served. */
  readonly waiting: Set<number>;
}

export class BatchWatch {
  readonly #run: RunState;
  readonly #hurry: (task: number) => void;
  readonly #kinds = new Map<string, Kind>();
  #waiting = 0;
  /** Running attempts that wait for nobody. */
  readonly #served = new Set<number>();
  #looking = false;

  constructor(run: RunState, hurry: (task: number) => void) {
    this.#run = run;
    this.#hurry = hurry;
    for (const [number, task] of run.tasks.entries()) this.added(number, task);
  }

  /** A task belongs to the run. */
  added(number: number, { run }: Task): void {
    if (typeof run !== "function" && run.kind === "batch") this.#kindOf(run.key).tasks.add(number);
  }

  /** An attempt was handed to its runner, and waits to be served. */
  arrived(task: number, key: string): void {
    const kind = this.#kindOf(key);
    kind.tasks.add(task);
    kind.waiting.add(task);
    this.#waiting++;
    this.changed();
  }

  /** The attempt is being served, by a call or otherwise. */
  started(task: number): void {
    this.#left(task);
    this.#served.add(task);
  }

  ended(task: number): void {
    this.#left(task);
    this.#served.delete(task);
  }

  #left(task: number): void {
    if (this.#waiting === 0) return;
    for (const { waiting } of this.#kinds.values()) {
      if (!waiting.delete(task)) continue;
      this.#waiting--;
      return;
    }
  }

  /** Something has happened in the run: looks, when all that happens at this moment has, for those that wait in vain. */
  changed(): void {
    if (this.#waiting === 0 || this.#looking) return;
    this.#looking = true;
    queueMicrotask(() => {
      this.#looking = false;
      if (!this.#run.busy && this.#run.scheduler.inputClosed) this.#look();
    });
  }

  #look(): void {
    const moving = this.#run.scheduler.admission.running > this.#waiting;
    const waiting = [...this.#kinds.values()].filter((kind) => kind.waiting.size > 0);
    const inVain = waiting.filter((kind) => !this.#mayCome(kind, moving));
    // Where nothing else goes on, those of several keys may be waiting for each other.
    const hurried = inVain.length === 0 && !moving && !this.#anyMayCome(waiting) ? waiting : inVain;
    for (const kind of hurried) for (const task of [...kind.waiting]) this.#hurry(task);
  }

  #mayCome({ tasks, waiting }: Kind, moving: boolean): boolean {
    const { scheduler } = this.#run;
    for (const task of tasks) {
      const state = scheduler.table.state[task]!;
      if (isEnd(state)) tasks.delete(task);
      // On its way: its runner is being loaded, or a cache is asked for what it would give.
      else if (state === TaskState.running && !waiting.has(task) && !this.#served.has(task)) return true;
    }
    return mayStart(scheduler, { candidates: tasks, waiting, moving });
  }

  #anyMayCome(kinds: readonly Kind[]): boolean {
    const waiting = new Set(kinds.flatMap((kind) => [...kind.waiting]));
    return kinds.some(({ tasks }) => mayStart(this.#run.scheduler, { candidates: tasks, waiting, moving: false }));
  }

  #kindOf(key: string): Kind {
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { tasks: new Set(), waiting: new Set() };
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}
