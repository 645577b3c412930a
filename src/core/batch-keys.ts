/** Holds that the tasks of one batch key have one handler: with several, none would ever be called together. */
import type { BatchHandler } from "../model/batch.js";
import type { Task } from "../model/task.js";

export class BatchKeys {
  readonly #handlers = new Map<string, BatchHandler<never, unknown>>();

  read({ run }: Task, report: (message: string) => void): void {
    if (typeof run !== "object" || run === null || run.kind !== "batch") return;
    const known = this.#handlers.get(run.key);
    if (known === undefined) this.#handlers.set(run.key, run.handler);
    else if (known !== run.handler)
      report(
        `batch "${run.key}" has another handler here than in a task before: make the work once and give it to each task`,
      );
  }
}
