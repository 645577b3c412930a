/** The limit: `postMessage` there and back, the least loaded of the threads first, and a map from number to promise. */
import { Worker } from "node:worker_threads";
import { type OpenPool, THREADS } from "../contender.js";

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, (value: unknown) => void>;
}

export const open: OpenPool = (workload) => {
  let sequence = 0;
  const threads = Array.from({ length: THREADS }, (): Thread => {
    const worker = new Worker(new URL("./raw-worker.js", import.meta.url), { workerData: workload });
    const waiting: Thread["waiting"] = new Map();
    worker.on("message", ([number, output]: [number, unknown]) => {
      waiting.get(number)!(output);
      waiting.delete(number);
    });
    return { worker, waiting };
  });
  return {
    run: (input, transfer) =>
      new Promise((resolve) => {
        const thread = threads.reduce((least, other) => (other.waiting.size < least.waiting.size ? other : least));
        const number = sequence++;
        thread.waiting.set(number, resolve);
        thread.worker.postMessage([number, input], transfer ? [transfer] : undefined);
      }),
  };
};
