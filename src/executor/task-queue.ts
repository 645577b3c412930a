/** A bounded queue with priorities: producers wait while it is full, consumers while it is empty. */
import { BinaryHeap } from "../core/containers.js";
import { Checker } from "../model/check.js";
import { OrchestratorError } from "../model/error.js";

/** How a queue is set up. */
export interface TaskQueueOptions {
  /** Most items that wait in the queue, from 1. Default 1024. */
  readonly capacity?: number;
}

/** How an item is put into a queue. */
export interface PushOptions {
  /** Higher is taken first; items of the same priority in the order in which they came. Default 0. */
  readonly priority?: number;
  /** Gives up waiting for a place. Default: waits for as long as it takes. */
  readonly signal?: AbortSignal;
}

/** How an item is taken from a queue. */
export interface TakeOptions {
  /** Gives up waiting for an item. Default: waits for as long as it takes. */
  readonly signal?: AbortSignal;
}

interface Entry<Item> {
  readonly item: Item;
  readonly priority: number;
  readonly order: number;
}

interface Waiter<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A bounded, prioritised queue.
 *
 * After `close` nothing can be added, what is in the queue can still be taken, and iteration ends when it is empty. An
 * item goes to exactly one consumer.
 *
 * @example
 * const queue = new TaskQueue<string>({ capacity: 100 });
 * await queue.push("later");
 * await queue.push("sooner", { priority: 1 });
 * queue.close();
 * for await (const item of queue) console.log(item);
 * // prints sooner
 * // prints later
 */
export class TaskQueue<Item> implements AsyncIterable<Item> {
  /** Most items that wait in it. */
  readonly capacity: number;
  readonly #heap = new BinaryHeap<Entry<Item>>(before);
  readonly #producers: (Waiter<void> & { readonly entry: Entry<Item> })[] = [];
  readonly #consumers: Waiter<IteratorResult<Item, undefined>>[] = [];
  #order = 0;
  #closed = false;

  /** @throws InvalidOptionError */
  constructor(options: TaskQueueOptions = {}) {
    const check = new Checker("TaskQueue");
    check.object("", options, ["capacity"]);
    this.capacity = check.number("capacity", options.capacity, { minimum: 1, integer: true }, 1024);
    check.finish();
  }

  /** Items that wait to be taken, those of waiting producers not counted. */
  get size(): number {
    return this.#heap.size;
  }

  /** Whether it takes nothing more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Adds an item, when there is a place. Rejects with `QUEUE_CLOSED` if the queue is closed first, or with the signal's reason. */
  push(item: Item, options: PushOptions = {}): Promise<void> {
    const { priority = 0, signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.reject(closedError());
    if (this.tryPush(item, options)) return Promise.resolve();
    return waitIn(this.#producers, signal, (waiter) => ({ ...waiter, entry: this.#entry(item, priority) }));
  }

  /** Adds an item if there is a place now, and says whether there was. Throws `QUEUE_CLOSED` on a closed queue. */
  tryPush(item: Item, { priority = 0 }: PushOptions = {}): boolean {
    if (typeof priority !== "number" || Number.isNaN(priority))
      throw new RangeError(`priority: takes a number, got ${priority}`);
    if (this.#closed) throw closedError();
    const consumer = this.#heap.size === 0 ? this.#consumers.shift() : undefined;
    if (consumer !== undefined) consumer.resolve({ done: false, value: item });
    else if (this.#heap.size >= this.capacity) return false;
    else this.#heap.push(this.#entry(item, priority));
    return true;
  }

  /** The next item, when there is one; `done` when the queue is closed and empty. */
  take({ signal }: TakeOptions = {}): Promise<IteratorResult<Item, undefined>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#heap.size > 0) return Promise.resolve({ done: false, value: this.tryTake()! });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return waitIn(this.#consumers, signal, (waiter) => waiter);
  }

  /** The next item if there is one now. */
  tryTake(): Item | undefined {
    if (this.#heap.size === 0) return undefined;
    const { item } = this.#heap.pop()!;
    const producer = this.#producers.shift();
    if (producer !== undefined) {
      this.#heap.push(producer.entry);
      producer.resolve();
    }
    return item;
  }

  /** Takes no more items. Producers that wait are told (`QUEUE_CLOSED`); consumers get what is left. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const producer of this.#producers.splice(0)) producer.reject(closedError());
    for (const consumer of this.#consumers.splice(0)) consumer.resolve({ done: true, value: undefined });
  }

  /** Items in order, until the queue is closed and empty. Leaving the loop early leaves the queue as it is. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, undefined, undefined> {
    for (let next = await this.take(); !next.done; next = await this.take()) yield next.value;
  }

  #entry(item: Item, priority: number): Entry<Item> {
    return { item, priority, order: this.#order++ };
  }
}

function before(left: Entry<unknown>, right: Entry<unknown>): boolean {
  return left.priority === right.priority ? left.order < right.order : left.priority > right.priority;
}

function closedError(): OrchestratorError {
  return new OrchestratorError("QUEUE_CLOSED", "the queue is closed and takes nothing more");
}

function waitIn<Value, W extends Waiter<Value>>(
  line: W[],
  signal: AbortSignal | undefined,
  make: (waiter: Waiter<Value>) => W,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      const place = line.indexOf(waiter);
      if (place >= 0) line.splice(place, 1);
      reject(signal!.reason);
    };
    const settled = <Argument>(settle: (argument: Argument) => void) => {
      return (argument: Argument): void => {
        signal?.removeEventListener("abort", leave);
        settle(argument);
      };
    };
    const waiter = make({ resolve: settled(resolve), reject: settled(reject) });
    signal?.addEventListener("abort", leave, { once: true });
    line.push(waiter);
  });
}
