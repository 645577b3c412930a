/** The run that the page shows, in columns as the server tells of them. Nothing here touches the document. */
import {
  type Delta,
  type Glance,
  isEndCode,
  type RunSummary,
  type StateColumns,
  stateCode,
  type TaskColumns,
} from "../protocol.ts";

type Column = Uint8Array | Uint16Array | Int32Array;

export interface PastAttempt {
  readonly task: number;
  readonly worker: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

export class RunView {
  readonly id: string;
  summary: RunSummary | undefined;
  glance: Glance | undefined;
  /** Tasks whose states are known, and how many of those are known by name. */
  size = 0;
  described = 0;
  readonly ids: string[] = [];
  kinds = new Int32Array(256);
  kindNames: readonly string[] = [];
  parents = new Int32Array(256);
  /** Compressed rows: where the dependencies of each task begin. */
  dependencyOffsets = new Int32Array(257);
  dependencies = new Int32Array(256);
  state = new Uint8Array(256);
  attempts = new Uint16Array(256);
  readyAt = new Int32Array(256).fill(-1);
  startedAt = new Int32Array(256).fill(-1);
  endedAt = new Int32Array(256).fill(-1);
  worker = new Int32Array(256).fill(-1);
  note = new Int32Array(256).fill(-1);
  readonly workers: string[] = [];
  readonly notes: string[] = [];
  readonly past: PastAttempt[] = [];
  widthMs = 50;
  readonly series = new Map<string, number[]>();
  sequence = -1;
  /** The server's clock less this page's, milliseconds. */
  clockOffset = 0;
  /** Grows with each change of what the tasks are, and of how they stand. */
  structureVersion = 0;
  stateVersion = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** Milliseconds since the run started, by the server's clock; its whole length where it has ended. */
  now(): number {
    if (this.summary === undefined) return 0;
    const end = this.summary.endedAt ?? Date.now() + this.clockOffset;
    return Math.max(0, end - this.summary.startedAt);
  }

  get total(): number {
    return this.summary?.size ?? this.size;
  }

  taskId(task: number): string {
    return this.ids[task] ?? `task ${task}`;
  }

  kindName(task: number): string {
    return this.kindNames[this.kinds[task]!] ?? "";
  }

  noteText(task: number): string {
    return this.notes[this.note[task]!] ?? "";
  }

  workerName(task: number): string {
    return this.workers[this.worker[task]!] ?? "";
  }

  isEnded(task: number): boolean {
    return isEndCode(this.state[task]!);
  }

  dependenciesOf(task: number): Int32Array {
    if (task >= this.described) return new Int32Array(0);
    return this.dependencies.subarray(this.dependencyOffsets[task]!, this.dependencyOffsets[task + 1]!);
  }

  /** Milliseconds between the moment that a task could run and its start; -1 where it never could. */
  waited(task: number, now: number): number {
    const ready = this.readyAt[task]!;
    if (ready < 0) return -1;
    const started = this.startedAt[task]!;
    if (started < 0) return this.isEnded(task) ? -1 : now - ready;
    return this.attempts[task]! > 1 ? -1 : Math.max(0, started - ready);
  }

  /** Milliseconds that the last attempt ran; -1 where there was none. */
  ran(task: number, now: number): number {
    const started = this.startedAt[task]!;
    if (started < 0) return -1;
    const ended = this.endedAt[task]!;
    return Math.max(0, (ended < 0 ? now : ended) - started);
  }

  describe(columns: TaskColumns): void {
    const { from, ids, kinds, kindNames, dependencyCounts, dependencies, parents } = columns;
    if (from !== this.described) return;
    const end = from + ids.length;
    this.#ensure(end);
    for (const id of ids) this.ids.push(id);
    this.kinds.set(kinds, from);
    this.kindNames = kindNames;
    this.parents.set(parents, from);
    let offset = this.dependencyOffsets[from]!;
    this.dependencies = roomFor(this.dependencies, offset + dependencies.length, 0);
    this.dependencies.set(dependencies, offset);
    dependencyCounts.forEach((count, place) => {
      offset += count;
      this.dependencyOffsets[from + place + 1] = offset;
    });
    this.described = end;
    this.size = Math.max(this.size, end);
    this.structureVersion++;
  }

  apply(delta: Delta): void {
    this.summary = delta.run;
    this.clockOffset = delta.at - Date.now();
    if (delta.tasks !== undefined) this.#applyTasks(delta.tasks);
    if (delta.partial === true) return;
    this.sequence = delta.sequence;
    if (delta.workers !== undefined) replaceFrom(this.workers, delta.workers.from, delta.workers.texts);
    if (delta.notes !== undefined) replaceFrom(this.notes, delta.notes.from, delta.notes.texts);
    if (delta.glance !== undefined) this.glance = delta.glance;
    this.#applyPast(delta.past);
    this.#applySeries(delta.series);
    this.stateVersion++;
  }

  #applyTasks(columns: StateColumns): void {
    const { task } = columns;
    let most = this.size - 1;
    for (const number of task) if (number > most) most = number;
    this.#ensure(most + 1);
    this.size = most + 1;
    for (let place = 0; place < task.length; place++) {
      const number = task[place]!;
      this.state[number] = columns.state[place]!;
      this.attempts[number] = columns.attempts[place]!;
      this.readyAt[number] = columns.readyAt[place]!;
      this.startedAt[number] = columns.startedAt[place]!;
      this.endedAt[number] = columns.endedAt[place]!;
      this.worker[number] = columns.worker[place]!;
      this.note[number] = columns.note[place]!;
    }
  }

  #applyPast(past: Delta["past"]): void {
    if (past === undefined) return;
    this.past.length = past.from;
    past.task.forEach((task, place) => {
      const { worker, startedAt, endedAt } = past;
      this.past.push({ task, worker: worker[place]!, startedAt: startedAt[place]!, endedAt: endedAt[place]! });
    });
  }

  #applySeries(series: Delta["series"]): void {
    if (series === undefined) return;
    if (series.widthMs !== this.widthMs || series.from === 0) this.series.clear();
    this.widthMs = series.widthMs;
    for (const [name, values] of Object.entries(series.channels)) {
      const known = this.series.get(name) ?? [];
      while (known.length < series.from) known.push(0);
      replaceFrom(known, series.from, values);
      this.series.set(name, known);
    }
  }

  #ensure(size: number): void {
    if (size <= this.state.length) return;
    this.kinds = roomFor(this.kinds, size, 0);
    this.parents = roomFor(this.parents, size, -1);
    this.dependencyOffsets = roomFor(this.dependencyOffsets, size + 1, 0);
    this.state = roomFor(this.state, size, stateCode.waiting);
    this.attempts = roomFor(this.attempts, size, 0);
    this.readyAt = roomFor(this.readyAt, size, -1);
    this.startedAt = roomFor(this.startedAt, size, -1);
    this.endedAt = roomFor(this.endedAt, size, -1);
    this.worker = roomFor(this.worker, size, -1);
    this.note = roomFor(this.note, size, -1);
  }
}

function roomFor<T extends Column>(column: T, size: number, fill: number): T {
  if (size <= column.length) return column;
  const Kind = column.constructor as new (length: number) => T;
  const grown = new Kind(Math.max(size, column.length * 2));
  grown.fill(fill, column.length);
  grown.set(column as never);
  return grown;
}

function replaceFrom<Value>(list: Value[], from: number, values: readonly Value[]): void {
  list.length = Math.min(list.length, from);
  for (const value of values) list.push(value);
}
