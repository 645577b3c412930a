/**
 * Tasks that were lost with a thread. Each has a thread to itself the next time: so no task is lost twice, and if it was
 * the guilty one, there is no doubt then.
 */
import type { JobIdentity } from "./job.js";

/** More than that are never retried in practice; those of a cancelled run would otherwise stay for ever. */
const maximum = 10_000;

export class LostTasks {
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
