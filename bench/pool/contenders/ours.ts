import { worker } from "#src/model/describe.js";
import { WorkerPool } from "#src/runner/thread/worker-pool.js";
import { type OpenPool, THREADS } from "../contender.js";

export const open: OpenPool = (workload) => {
  const work = worker<(input: unknown) => unknown>(new URL("./default-export-worker.js", import.meta.url), workload);
  const pool = new WorkerPool({ minWorkers: THREADS, maxWorkers: THREADS });
  return {
    run: (input, transfer) => pool.run(work, input as never, transfer && { transfer: [transfer] }),
  };
};
