import { parentPort, workerData } from "node:worker_threads";
import { type WorkloadName, workloads } from "../functions.js";

const perform = workloads[workerData as WorkloadName] as (input: unknown) => unknown;

parentPort!.on("message", ([number, input]: [number, unknown]) => parentPort!.postMessage([number, perform(input)]));
