/** Numbers the events of a run and hands them to whoever watches. Nothing is made where nobody does. */
import { type Channel, channel } from "node:diagnostics_channel";
import type { RunEvent } from "../model/event.js";
import type { AttemptTrace, Observer, TracedAttempt } from "../port/observer.js";

type WithoutPlace<Event> = Event extends unknown ? Omit<Event, "sequence" | "runId"> : never;

/** An event before it has its place in the run. */
export type NewEvent = WithoutPlace<RunEvent>;

type Placeable = RunEvent & { sequence: number; runId: string };

export class RunEvents {
  readonly #runId: string;
  readonly #observers: Observer[] = [];
  #sequence = 0;

  constructor(runId: string) {
    this.#runId = runId;
  }

  get observed(): boolean {
    return this.#observers.length > 0;
  }

  get traces(): boolean {
    return this.#observers.some((observer) => observer.trace !== undefined);
  }

  /** What the first observer that traces the attempt gives it to carry. */
  trace(attempt: TracedAttempt): AttemptTrace | undefined {
    for (const observer of this.#observers) {
      try {
        const trace = observer.trace?.(attempt);
        if (trace !== undefined) return trace;
      } catch (error) {
        this.warn("a trace", error);
      }
    }
    return undefined;
  }

  add(observer: Observer): void {
    this.#observers.push(observer);
  }

  remove(observer: Observer): void {
    const place = this.#observers.indexOf(observer);
    if (place >= 0) this.#observers.splice(place, 1);
  }

  /** @param event made for this call alone: it is given its place, because a copy would cost more than all else that is told */
  emit(event: NewEvent): void {
    const placed = event as Placeable;
    placed.sequence = this.#sequence++;
    placed.runId = this.#runId;
    for (const observer of this.#observers) {
      try {
        observer.observe(placed);
      } catch (error) {
        this.warn(event.type, error);
      }
    }
  }

  /** Reports what an observer threw; the run goes on. */
  warn(where: string, thrown: unknown): void {
    const told = thrown instanceof Error ? thrown.stack : String(thrown);
    process.emitWarning(`an observer of run ${this.#runId} threw at ${where}: ${told}`);
  }
}

/** The events of a run as an async iterable. Events that nobody has taken yet are kept. */
export class EventStream implements Observer, AsyncIterator<RunEvent, undefined> {
  #kept: RunEvent[] = [];
  #next = 0;
  #waiting: ((result: IteratorResult<RunEvent, undefined>) => void)[] = [];
  #closed = false;
  readonly #onReturn: () => void;

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  observe(event: RunEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting({ done: false, value: event });
    else this.#kept.push(event);
    if (event.type === "run-ended") this.close();
  }

  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<RunEvent, undefined>> {
    if (this.#next < this.#kept.length) {
      const value = this.#kept[this.#next++]!;
      if (this.#next >= 1024 && this.#next * 2 >= this.#kept.length) {
        this.#kept = this.#kept.slice(this.#next);
        this.#next = 0;
      }
      return Promise.resolve({ done: false, value });
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<RunEvent, undefined>> {
    this.#kept = [];
    this.#next = 0;
    this.#onReturn();
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }
}

/**
 * Events on `node:diagnostics_channel`, for tools that watch a program without a change to it: channel
 * `orchestrator-executor:` and the type of the event, such as `orchestrator-executor:task-ended`. Whether anybody listens is
 * looked at when a run starts, so that one that nobody watches makes no events.
 */

/** A record rather than a list: a type that is forgotten does not compile. */
const types: Readonly<Record<RunEvent["type"], true>> = {
  "run-started": true,
  "run-resumed": true,
  "tasks-added": true,
  "task-ready": true,
  "attempt-started": true,
  "attempt-progress": true,
  "attempt-log": true,
  "attempt-ended": true,
  "task-suspended": true,
  "task-resumed": true,
  "task-restored": true,
  "task-ended": true,
  "cancel-requested": true,
  "run-ended": true,
};

const channels: ReadonlyMap<RunEvent["type"], Channel> = new Map(
  Object.keys(types).map((type) => [type as RunEvent["type"], channel(`orchestrator-executor:${type}`)]),
);

/** Publishes events, where somebody listens to any of them. */
export function channelObserver(): Observer | undefined {
  let heard = false;
  for (const { hasSubscribers } of channels.values()) heard ||= hasSubscribers;
  return heard ? { observe: (event) => channels.get(event.type)?.publish(event) } : undefined;
}
