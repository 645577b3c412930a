/**
 * The leases that a worker holds, on their way to the thread that renews them. They are told some milliseconds late, which
 * is nothing to a lease, so that a job that is over by then is not told at all: a message wakes the thread, and that costs
 * more than what a short job does.
 */
import type { Lease, ToLeaseThread } from "./lease-messages.js";

const tellAfterMs = 50;

export class HeldLeases {
  readonly #post: (message: ToLeaseThread) => void;
  readonly #untold = new Map<string, Lease>();
  #released: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(post: (message: ToLeaseThread) => void) {
    this.#post = post;
  }

  hold(lease: Lease): void {
    this.#untold.set(lease.jobId, lease);
    this.#ask();
  }

  release(jobId: string): void {
    if (this.#untold.delete(jobId)) return;
    this.#released.push(jobId);
    this.#ask();
  }

  #ask(): void {
    this.#timer ??= setTimeout(() => this.#tell(), tellAfterMs);
  }

  #tell(): void {
    this.#timer = undefined;
    const held = [...this.#untold.values()];
    const released = this.#released;
    this.#untold.clear();
    this.#released = [];
    if (held.length > 0 || released.length > 0) this.#post({ is: "changes", held, released });
  }
}
