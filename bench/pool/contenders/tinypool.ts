import { Tinypool } from "tinypool";
import { type OpenPool, THREADS } from "../contender.js";

export const open: OpenPool = (workload) => {
  const filename = new URL("./default-export-worker.js", import.meta.url).href;
  const pool = new Tinypool({ filename, minThreads: THREADS, maxThreads: THREADS });
  return {
    run: (input, transfer) =>
      pool.run(input, transfer ? { name: workload, transferList: [transfer] } : { name: workload }),
  };
};
