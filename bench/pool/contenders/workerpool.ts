import { fileURLToPath } from "node:url";
import workerpool from "workerpool";
import { type OpenPool, THREADS } from "../contender.js";

export const open: OpenPool = (workload) => {
  const file = fileURLToPath(new URL("./workerpool-worker.js", import.meta.url));
  const pool = workerpool.pool(file, { workerType: "thread", minWorkers: THREADS, maxWorkers: THREADS });
  return {
    run: async (input, transfer) => pool.exec(workload, [input], transfer ? { transfer: [transfer] } : {}),
  };
};
