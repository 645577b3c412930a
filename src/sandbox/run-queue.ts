/** Bounds how many sandboxes run at once: a fair queue, with a longest length as back-pressure. */
import { OrchestratorError } from "../model/error.js";

interface Waiter {
  readonly start: () => void;
  readonly fail: (error: Error) => void;
}

export class RunQueue {
  readonly #maximum: number;
  readonly #longest: number;
  readonly #waiting: Waiter[] = [];
  #running = 0;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(maximum: number, longest: number) {
    this.#maximum = maximum;
    this.#longest = longest;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `work` when its turn comes.
   *
   * @param signal takes a waiting piece out of the queue; once it runs, the signal is its own business.
   * @throws OrchestratorError `QUEUE_FULL` where as many wait as may, `EXECUTOR_CLOSED` after `close`.
   */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    await this.#turn(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** Refuses what waits and what comes, and resolves when nothing runs. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(closedError());
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#running < this.#maximum) {
      this.#running++;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#longest) return Promise.reject(this.#fullError());
    return this.#wait(signal);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leaveQueue = () => {
        const place = this.#waiting.indexOf(waiter);
        if (place >= 0) this.#waiting.splice(place, 1);
        // Whoever waits and is aborted takes its turn at once and finds itself aborted: one way out for all.
        this.#running++;
        resolve();
      };
      const waiter: Waiter = {
        start: () => {
          signal?.removeEventListener("abort", leaveQueue);
          this.#running++;
          resolve();
        },
        fail: (error) => {
          signal?.removeEventListener("abort", leaveQueue);
          reject(error);
        },
      };
      this.#waiting.push(waiter);
      signal?.addEventListener("abort", leaveQueue, { once: true });
    });
  }

  #leave(): void {
    this.#running--;
    if (this.#running < this.#maximum) this.#waiting.shift()?.start();
    if (this.#running > 0) return;
    for (const tell of this.#idle.splice(0)) tell();
  }

  #fullError(): OrchestratorError {
    const message = `${this.#running} sandboxes run and ${this.#longest} wait, which is the most; wait for one to end or raise maxQueued`;
    return new OrchestratorError("QUEUE_FULL", message);
  }
}

function closedError(): OrchestratorError {
  return new OrchestratorError("EXECUTOR_CLOSED", "the sandbox manager is closed");
}
