/** Promises wired to promises, and the way in which every limiter below is wired: the work waits for `Promise.all`. */
import type { Contender } from "../contender.js";
import { Ledger } from "../ledger.js";

/** `limit` starts the work when the limiter allows, and settles when the work has ended. */
export function wiredWithPromises(limit: (work: () => Promise<void>) => Promise<unknown>): Contender {
  return {
    takes: "tasks",
    async run(tasks) {
      const ledger = new Ledger(tasks.length);
      const ends = new Map<string, Promise<unknown>>();
      tasks.forEach((task, index) => {
        const work = () => ledger.perform(index, task);
        const [first, ...others] = task.dependsOn;
        if (first === undefined) ends.set(task.id, limit(work));
        else if (others.length === 0)
          ends.set(
            task.id,
            ends.get(first)!.then(() => limit(work)),
          );
        else
          ends.set(
            task.id,
            Promise.all(task.dependsOn.map((id) => ends.get(id)!)).then(() => limit(work)),
          );
      });
      await Promise.all(ends.values());
      return ledger;
    },
  };
}

export const contender = wiredWithPromises((work) => work());
