/**
 * Carries out functions in this process. An attempt borrows a lane, which owns the two callbacks that a promise needs,
 * so that a task costs no closures; the lane is given back when the attempt ends. An attempt that is abandoned (timed out
 * or cancelled) leaves its lane for good, and what it gives later is dropped.
 */
import type { SpawnedTasks, SpawnOptions, TaskContext } from "../model/context.js";
import { asError } from "../model/error.js";
import type { AcquireOptions, Lease, ResourceSource, ResourceSources } from "../model/pool.js";
import type { ExecutionResult } from "../model/result.js";
import type { Task } from "../model/task.js";
import type { Inputs, TaskFunction } from "../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "../port/runner.js";
import { type InlineWork, reasonOf } from "./described-attempts.js";

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

/** What a context asks of its run. */
export interface ContextHost {
  readonly id: string;
  idOf(task: number): string;
  dependencyResult(task: number, dependencyId: string): ExecutionResult;
  progressed(task: number, attempt: number, value: unknown): void;
  logged(task: number, attempt: number, stream: "stdout" | "stderr" | "log", text: string): void;
  spawn(task: number, attempt: number, tasks: readonly Task[], options: SpawnOptions): SpawnedTasks;
}

export class InlineTaskContext implements TaskContext, InlineContext {
  readonly #host: ContextHost;
  readonly #task: number;
  readonly attempt: number;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;

  constructor(host: ContextHost, task: number, attempt: number) {
    this.#host = host;
    this.#task = task;
    this.attempt = attempt;
  }

  get runId(): string {
    return this.#host.id;
  }

  get taskId(): string {
    return this.#host.idOf(this.#task);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  progress(value: unknown): void {
    if (this.#aborted === undefined) this.#host.progressed(this.#task, this.attempt, value);
  }

  log(message: string): void {
    if (this.#aborted === undefined) this.#host.logged(this.#task, this.attempt, "log", message);
  }

  result(taskId: string): ExecutionResult {
    return this.#host.dependencyResult(this.#task, taskId);
  }

  output(taskId: string): unknown {
    return this.result(taskId).output;
  }

  spawn(tasks: readonly Task[], options: SpawnOptions = {}): SpawnedTasks {
    if (this.#aborted !== undefined) throw this.#aborted;
    return this.#host.spawn(this.#task, this.attempt, tasks, options);
  }

  abort(reason: Error): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}

/** A function that is handed over as other work is, because something comes before it: a cache, resources. */
export interface InlineTask {
  readonly run: TaskFunction;
  readonly use: ResourceSources | undefined;
  readonly priority: number;
  context(attempt: number): InlineContext;
}

/** A function that may go on for others when the attempt that began it has ended. */
export function inlineWork(task: InlineTask): InlineWork {
  return { kind: "inline", start: (request, listener) => new InlineStart(task, request, listener) };
}

class InlineStart implements AttemptControl {
  readonly #task: InlineTask;
  readonly #listener: AttemptListener;
  readonly #context: InlineContext;
  readonly #held = new HeldResources();
  /** Aborts the wait for resources. */
  #waiting: AbortController | undefined;

  constructor(task: InlineTask, request: AttemptRequest, listener: AttemptListener) {
    this.#task = task;
    this.#listener = listener;
    this.#context = task.context(request.attempt);
    if (task.use === undefined) this.#begin(request.inputs);
    else void this.#acquire(task.use, request);
  }

  abort(reason: Error): void {
    if (this.#waiting !== undefined) {
      this.#waiting.abort(reason);
      return;
    }
    this.#context.abort(reason);
    // Nothing can stop the function: it may go on using what it was given.
    this.#held.giveBack("destroy");
    this.#listener.stopped();
  }

  async #acquire(use: ResourceSources, { taskId, affinity, inputs }: AttemptRequest): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    const { signal } = waiting;
    const options = { holder: `task "${taskId}"`, priority: this.#task.priority, signal };
    try {
      const resources = await this.#held.acquire(use, affinity === undefined ? options : { ...options, affinity });
      signal.throwIfAborted();
      this.#waiting = undefined;
      this.#begin({ ...inputs, ...resources });
    } catch (thrown) {
      this.#held.giveBack("release");
      if (signal.aborted) this.#listener.stopped();
      else this.#listener.failed({ error: asError(thrown), reason: reasonOf(thrown) });
    }
  }

  #begin(inputs: Inputs): void {
    this.#listener.started("inline");
    new Promise((resolve) => resolve(this.#task.run(inputs, this.#context))).then(
      (output) => {
        this.#held.giveBack("release");
        this.#listener.succeeded(output);
      },
      (thrown) => {
        this.#held.giveBack("release");
        this.#listener.failed({ error: asError(thrown), reason: reasonOf(thrown) });
      },
    );
  }
}

/** One order for all attempts, so that no two wait for what the other holds. */
const orders = new WeakMap<ResourceSource<unknown>, number>();
let count = 0;

function orderOf(source: ResourceSource<unknown>): number {
  let order = orders.get(source);
  if (order === undefined) {
    order = count++;
    orders.set(source, order);
  }
  return order;
}

/** The resources that an attempt uses: taken before its clock starts, given back at its end whatever that is. */
export class HeldResources {
  readonly #leases: Lease<unknown>[] = [];

  /** Takes one of each source, by name. Where one cannot be had, those taken are given back. */
  async acquire(sources: ResourceSources, options: AcquireOptions): Promise<Inputs> {
    const wanted = Object.entries(sources).sort(([, left], [, right]) => orderOf(left) - orderOf(right));
    const resources: Record<string, unknown> = {};
    try {
      for (const [name, source] of wanted) {
        const lease = await source.acquire(options);
        this.#leases.push(lease);
        resources[name] = lease.resource;
        options.signal?.throwIfAborted();
      }
    } catch (error) {
      this.giveBack("release");
      throw error;
    }
    return resources;
  }

  /** `"destroy"` where the attempt's code may go on using them. */
  giveBack(how: "release" | "destroy"): void {
    for (const lease of this.#leases.splice(0))
      lease[how]().catch((thrown: unknown) =>
        process.emitWarning(`a resource was not given back: ${asError(thrown).message}`),
      );
  }
}
