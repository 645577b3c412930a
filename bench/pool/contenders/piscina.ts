import { Piscina } from "piscina";
import { type OpenPool, THREADS } from "../contender.js";

export function openPiscina(concurrentTasksPerWorker: number): OpenPool {
  return (workload) => {
    const filename = new URL("./default-export-worker.js", import.meta.url).href;
    const threads = { minThreads: THREADS, maxThreads: THREADS };
    const pool = new Piscina({ filename, ...threads, concurrentTasksPerWorker });
    return {
      run: (input, transfer) =>
        pool.run(input, transfer ? { name: workload, transferList: [transfer] } : { name: workload }),
    };
  };
}

export const open = openPiscina(1);
