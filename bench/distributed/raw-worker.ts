/** BullMQ's own worker, with a function that does nothing. */
import { Worker } from "bullmq";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const concurrency = Number(process.argv[3]);
const worker = new Worker(process.argv[4]!, async () => 1, { connection, concurrency });
await worker.waitUntilReady();
console.log("serves");
