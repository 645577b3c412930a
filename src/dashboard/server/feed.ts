/**
 * What one page is told of one run. A feed remembers how far its page is and, when the page can take more, makes one
 * delta of everything that has changed since: the newest state alone, however many events lie between. A page that comes
 * back says the sequence that it has seen, and gets the difference.
 */
import type { RunModel } from "../model/run-model.js";
import type { Delta, Glance, RunSummary, StateColumns } from "../protocol.js";

/** Tasks in one delta. More are sent as several, of which the last alone moves the page's sequence. */
const mostTasks = 20_000;
/** Where nothing happens, time alone is told so often. */
const idleMs = 1000;

export interface FeedSource {
  readonly model: RunModel;
  summary(): RunSummary;
  glance(): Glance;
}

export class RunFeed {
  readonly #source: FeedSource;
  #sequence: number;
  #workers = 0;
  #notes = 0;
  #past = 0;
  #bucket = 0;
  #seriesGeneration = -1;
  #lastState = "";
  #lastAt = 0;

  /** @param sequence of the last event that the page has seen; -1 for none */
  constructor(source: FeedSource, sequence = -1) {
    this.#source = source;
    this.#sequence = Math.min(sequence, source.model.sequence);
  }

  /** What has changed, in parts; none where nothing has. */
  *read(at: number): Generator<Delta, void> {
    const { model } = this.#source;
    const summary = this.#source.summary();
    const news = model.sequence !== this.#sequence || summary.state !== this.#lastState;
    if (!news && (model.ended || at - this.#lastAt < idleMs)) return;
    this.#lastAt = at;
    const seen = this.#sequence;
    const { sequence } = model;
    this.#lastState = summary.state;
    let from = 0;
    for (;;) {
      const { columns, next } = readChanged(model, seen, from);
      from = next;
      if (from >= model.tasks.size) {
        yield { sequence, at, run: summary, ...this.#tables(), tasks: columns, glance: this.#source.glance() };
        this.#sequence = sequence;
        return;
      }
      yield { sequence: seen, partial: true, at, run: summary, tasks: columns };
    }
  }

  #tables(): Pick<Delta, "workers" | "notes" | "past" | "series"> {
    const { model } = this.#source;
    const { workers, notes, past, series } = model;
    const tables: { -readonly [Key in "workers" | "notes" | "past" | "series"]?: Delta[Key] } = {};
    if (workers.texts.length > this.#workers)
      tables.workers = { from: this.#workers, texts: workers.texts.slice(this.#workers) };
    if (notes.texts.length > this.#notes) tables.notes = { from: this.#notes, texts: notes.texts.slice(this.#notes) };
    if (past.length > this.#past) {
      const added = past.slice(this.#past);
      tables.past = {
        from: this.#past,
        task: added.map(({ task }) => task),
        worker: added.map(({ worker }) => worker),
        startedAt: added.map(({ startedAt }) => Math.round(startedAt)),
        endedAt: added.map(({ endedAt }) => Math.round(endedAt)),
      };
    }
    tables.series = series.read(series.generation === this.#seriesGeneration ? this.#bucket : 0);
    this.#workers = workers.texts.length;
    this.#notes = notes.texts.length;
    this.#past = past.length;
    this.#bucket = series.current;
    this.#seriesGeneration = series.generation;
    return tables;
  }
}

function readChanged(model: RunModel, seen: number, from: number): { columns: StateColumns; next: number } {
  const { tasks } = model;
  const { changed, size } = tasks;
  const task: number[] = [];
  let next = from;
  for (; next < size && task.length < mostTasks; next++) if (changed[next]! > seen) task.push(next);
  const columns = {
    task,
    state: task.map((number) => tasks.state[number]!),
    attempts: task.map((number) => tasks.attempts[number]!),
    readyAt: task.map((number) => Math.round(tasks.readyAt[number]!)),
    startedAt: task.map((number) => Math.round(tasks.startedAt[number]!)),
    endedAt: task.map((number) => Math.round(tasks.endedAt[number]!)),
    worker: task.map((number) => tasks.worker[number]!),
    note: task.map((number) => tasks.note[number]!),
  };
  return { columns, next };
}
