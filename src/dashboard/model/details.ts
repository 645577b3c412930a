/**
 * What is kept of single tasks for whoever opens one: log, attempts, error, output. Bounded for each task, and in all:
 * beyond the bound, the details of the tasks that were first looked after go first.
 */
import type { AttemptDetail, ErrorDetail, LogLine } from "../protocol.js";
import { cut } from "./text.js";

/** Of most tasks an output and no more, so that the lists are made for those that have something to list. */
export interface Details {
  characters: number;
  log: LogLine[] | undefined;
  logCharacters: number;
  droppedLines: number;
  attempts: AttemptDetail[] | undefined;
  output: string | undefined;
  error: ErrorDetail | undefined;
  reason: string | undefined;
  told: string | undefined;
}

export interface DetailBounds {
  /** Characters of log kept of one task; the newest. Default 200,000. */
  readonly logCharacters?: number;
  /** Characters kept in all, roughly. Default 48 million. */
  readonly allCharacters?: number;
}

const mostLine = 16_384;
const mostAttempts = 100;
const overhead = 400;

export class DetailStore {
  readonly #details = new Map<number, Details>();
  readonly #mostLog: number;
  readonly #mostAll: number;
  #all = 0;
  /** Tasks whose details were dropped. */
  forgotten = 0;

  constructor({ logCharacters = 200_000, allCharacters = 48_000_000 }: DetailBounds = {}) {
    this.#mostLog = logCharacters;
    this.#mostAll = allCharacters;
  }

  get(task: number): Readonly<Details> | undefined {
    return this.#details.get(task);
  }

  /** The details of a task, to be changed; `grown` is told afterwards by how many characters. */
  open(task: number): Details {
    let details = this.#details.get(task);
    if (details === undefined) {
      details = {
        characters: overhead,
        log: undefined,
        logCharacters: 0,
        droppedLines: 0,
        attempts: undefined,
        output: undefined,
        error: undefined,
        reason: undefined,
        told: undefined,
      };
      this.#details.set(task, details);
      this.#all += overhead;
    }
    return details;
  }

  grown(details: Details, characters: number): void {
    details.characters += characters;
    this.#all += characters;
    if (this.#all <= this.#mostAll) return;
    for (const [task, oldest] of this.#details) {
      if (this.#all <= this.#mostAll) return;
      if (oldest === details) continue;
      this.#details.delete(task);
      this.#all -= oldest.characters;
      this.forgotten++;
    }
  }

  addLog(task: number, line: LogLine): void {
    const details = this.open(task);
    const text = cut(line.text, mostLine);
    details.log ??= [];
    details.log.push({ ...line, text });
    details.logCharacters += text.length;
    let grown = text.length;
    let drop = 0;
    while (details.logCharacters > this.#mostLog && drop < details.log.length - 1) {
      const { length } = details.log[drop++]!.text;
      details.logCharacters -= length;
      grown -= length;
    }
    // In one go and not at each line, because each moves all that stay.
    if (drop > 0) details.log.splice(0, drop);
    details.droppedLines += drop;
    this.grown(details, grown);
  }

  addAttempt(task: number, attempt: AttemptDetail): void {
    const details = this.open(task);
    details.attempts ??= [];
    if (details.attempts.length >= mostAttempts) details.attempts.splice(1, 1);
    details.attempts.push(attempt);
    this.grown(details, 200 + sizeOf(attempt.error));
  }
}

export function sizeOf(error: ErrorDetail | undefined): number {
  if (error === undefined) return 0;
  return error.message.length + (error.stack?.length ?? 0) + sizeOf(error.cause);
}
