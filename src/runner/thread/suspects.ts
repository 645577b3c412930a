/** Tasks that were in a thread when it died and nobody knew whose fault it was: each runs alone the next time. */
import type { JobIdentity } from "./job.js";

/** More than that are never retried in practice; those of a cancelled run would otherwise stay for ever. */
const maximum = 10_000;

export class Suspects {
  readonly #keys = new Set<string>();

  add(identity: JobIdentity | undefined): void {
    if (identity === undefined) return;
    if (this.#keys.size >= maximum) {
      const [oldest] = this.#keys;
      this.#keys.delete(oldest!);
    }
    this.#keys.add(keyOf(identity));
  }

  /** Whether the task is one; it is none any more afterwards. */
  take(identity: JobIdentity): boolean {
    return this.#keys.size > 0 && this.#keys.delete(keyOf(identity));
  }
}

function keyOf({ runId, taskId }: JobIdentity): string {
  return `${runId}\0${taskId}`;
}
