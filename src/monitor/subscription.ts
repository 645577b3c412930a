/** Snapshots one after the other. Nothing is kept for a reader that is slow: it is given what is true when it asks. */

export class Subscription<Value> implements AsyncIterableIterator<Value, undefined> {
  readonly #read: () => Value;
  readonly #intervalMs: number;
  readonly #signal: AbortSignal | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #waiting: ((result: IteratorResult<Value, undefined>) => void)[] = [];
  #closed = false;
  readonly #onAbort = (): void => this.#close();

  constructor(read: () => Value, intervalMs: number, signal: AbortSignal | undefined) {
    this.#read = read;
    this.#intervalMs = intervalMs;
    this.#signal = signal;
    if (signal?.aborted) this.#closed = true;
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#arm();
    });
  }

  return(): Promise<IteratorResult<Value, undefined>> {
    this.#close();
    return Promise.resolve({ done: true, value: undefined });
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    const delay = Math.max(0, this.#lastAt + this.#intervalMs - performance.now());
    // Whoever watches does not keep the process alive.
    this.#timer = setTimeout(() => this.#tick(), delay).unref();
  }

  #tick(): void {
    this.#timer = undefined;
    this.#lastAt = performance.now();
    this.#waiting.shift()?.({ done: false, value: this.#read() });
    if (this.#waiting.length > 0) this.#arm();
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }
}
