/** Functions of this process that are handed over as other work is, because something comes before them: a cache, resources. */
import { asError } from "../model/error.js";
import type { AcquireOptions, Lease, ResourceSource, ResourceSources } from "../model/pool.js";
import type { Inputs, TaskFunction } from "../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "../port/runner.js";
import { type InlineWork, reasonOf } from "./described-attempts.js";
import type { InlineContext } from "./inline-attempts.js";

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
