/**
 * Carries out functions in this process. An attempt borrows a lane, which owns the two callbacks that a promise needs,
 * so that a task costs no closures; the lane is given back when the attempt ends. An attempt that is abandoned (timed out
 * or cancelled) leaves its lane for good, and what it gives later is dropped.
 */
import type { TaskContext } from "../model/context.js";
import type { Inputs, TaskFunction } from "../model/work.js";

/** What becomes of inline attempts. */
export interface InlineListener {
  inlineSucceeded(task: number, attempt: number, output: unknown): void;
  inlineFailed(task: number, attempt: number, thrown: unknown): void;
}

/** A context that can be told of the attempt's end. */
export interface InlineContext extends TaskContext {
  abort(reason: Error): void;
}

class Lane {
  task = -1;
  attempt = 0;
  context: InlineContext | undefined;
  readonly fulfilled: (output: unknown) => void;
  readonly rejected: (thrown: unknown) => void;

  constructor(owner: InlineAttempts, listener: InlineListener) {
    this.fulfilled = (output) => {
      const { task, attempt } = this;
      if (owner.giveBack(this)) listener.inlineSucceeded(task, attempt, output);
    };
    this.rejected = (thrown) => {
      const { task, attempt } = this;
      if (owner.giveBack(this)) listener.inlineFailed(task, attempt, thrown);
    };
  }
}

export class InlineAttempts {
  readonly #listener: InlineListener;
  readonly #free: Lane[] = [];
  /** Every lane that has not been left, free or not: as many as ever ran at once. */
  readonly #lanes: Lane[] = [];

  constructor(listener: InlineListener) {
    this.#listener = listener;
  }

  start(task: number, attempt: number, run: TaskFunction, inputs: Inputs, context: InlineContext): void {
    const lane = this.#free.pop() ?? this.#addLane();
    lane.task = task;
    lane.attempt = attempt;
    lane.context = context;
    let output: unknown;
    try {
      output = run(inputs, context);
    } catch (thrown) {
      lane.rejected(thrown);
      return;
    }
    if (output instanceof Promise) output.then(lane.fulfilled, lane.rejected);
    else if (isThenable(output)) Promise.resolve(output).then(lane.fulfilled, lane.rejected);
    else lane.fulfilled(output);
  }

  /** Abandons the task's attempt: its signal is aborted, and nothing it does from now on counts. */
  abandon(task: number, reason: Error): void {
    const place = this.#lanes.findIndex((lane) => lane.task === task);
    if (place < 0) return;
    const [lane] = this.#lanes.splice(place, 1) as [Lane];
    const { context } = lane;
    lane.task = -1;
    lane.context = undefined;
    context?.abort(reason);
  }

  /** Takes the lane back; false where its attempt was abandoned. */
  giveBack(lane: Lane): boolean {
    if (lane.task < 0) return false;
    lane.task = -1;
    lane.context = undefined;
    this.#free.push(lane);
    return true;
  }

  #addLane(): Lane {
    const lane = new Lane(this, this.#listener);
    this.#lanes.push(lane);
    return lane;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === "object" || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
