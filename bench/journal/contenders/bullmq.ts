/** BullMQ flows: a job for each task, and one that waits for all of them. `place` is the port of the Redis server. */
import { FlowProducer, Worker } from "bullmq";
import type { Contender } from "../measure.js";

export const contender: Contender = async ({ size, place, began }) => {
  const connection = { host: "127.0.0.1", port: Number(place) };
  const queueName = "bench";
  const flows = new FlowProducer({ connection });
  let ended = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const worker = new Worker(
    queueName,
    async ({ name }) => {
      began();
      return name;
    },
    { connection, concurrency: 20 },
  );
  worker.on("completed", ({ name }) => {
    if (name === "all") ended();
  });
  await Promise.all([worker.waitUntilReady(), flows.waitUntilReady()]);
  return {
    run: async () => {
      const children = Array.from({ length: size - 1 }, (_, n) => ({ name: `t${n}`, queueName }));
      await flows.add({ name: "all", queueName, children });
      await done;
    },
    close: async () => {
      await worker.close();
      await flows.close();
    },
  };
};
