import { fileURLToPath } from "node:url";
import { FixedThreadPool } from "poolifier";
import { type OpenPool, THREADS } from "../contender.js";

export const open: OpenPool = (workload) => {
  const file = fileURLToPath(new URL("./poolifier-worker.js", import.meta.url));
  const pool = new FixedThreadPool<unknown, unknown>(THREADS, file);
  return {
    run: (input, transfer) => pool.execute(input, workload, undefined, transfer ? [transfer] : undefined),
  };
};
