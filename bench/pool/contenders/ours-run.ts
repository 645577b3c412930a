/** Each task of a worker is a task of a run: admission, events, results and all. */
import { worker } from "#src/model/describe.js";
import type { Task } from "#src/model/task.js";
import { ParallelExecutor } from "#src/parallel.js";
import { IN_FLIGHT, type OpenPool, THREADS } from "../contender.js";

export const open: OpenPool = (workload) => {
  const module = new URL("./ours-run-worker.js", import.meta.url);
  const executor = new ParallelExecutor({ maxWorkers: THREADS, maxConcurrentTasks: IN_FLIGHT });
  const shared = worker<(input: unknown) => unknown>(module, workload);
  let sequence = 0;
  return {
    async runAll(inputs) {
      const tasks = inputs.map((input): Task => {
        const run =
          input instanceof ArrayBuffer
            ? worker<(input: unknown) => unknown>(module, workload, { transfer: [input] })
            : shared;
        return { id: `task-${sequence++}`, run, with: { input } };
      });
      for (const [id, result] of await executor.executeTasks(tasks)) {
        if (!result.success) throw new Error(`${id} failed`, { cause: result.error });
      }
    },
  };
};
