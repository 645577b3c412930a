/** Puts a worker together and lets it serve. */
import { loadEngine } from "../bullmq/connection.js";
import { BullmqWorker } from "../bullmq/worker-transport.js";
import { DataStore } from "../data/store.js";
import { Envelope } from "../envelope.js";
import { queueOf, queueOfWorker } from "../messages.js";
import { WorkerAdmission } from "./admission.js";
import type { CheckedWorkerOptions } from "./check-options.js";
import type { RemoteWorker } from "./start-worker.js";
import { WorkerServer } from "./worker-server.js";

export async function openWorker(checked: CheckedWorkerOptions): Promise<RemoteWorker> {
  const engine = await loadEngine();
  const { id, queue, concurrency, resources } = checked;
  const queues = [...queuesOf(queue, Object.keys(resources)), queueOfWorker(queue, id)];
  const transport = new BullmqWorker(engine, checked, id, {
    onTold: (text, toAll) => server.told(text, toAll),
    onLeaseLost: (parcelId) => server.leaseLost(parcelId),
    onTrouble: checked.onTrouble,
  });
  const server = new WorkerServer({
    workerId: id,
    queue,
    queues,
    transport,
    envelope: new Envelope(checked.key, checked.maxMessageBytes),
    admission: new WorkerAdmission({
      slots: concurrency,
      cpuCores: checked.cpu,
      memoryBytes: checked.memoryBytes,
      resources,
    }),
    policy: { modules: checked.modules, commands: checked.commands, signed: checked.key !== undefined },
    data: checked.data === undefined ? undefined : new DataStore(checked.data),
    inlineLimitBytes: checked.inlineLimitBytes,
    maxMessageBytes: checked.maxMessageBytes,
    onTrouble: checked.onTrouble,
  });
  server.describe();
  try {
    await transport.serve(queues, concurrency, (parcelId, text) => server.handle(parcelId, text));
  } catch (error) {
    await transport.close();
    await server.close();
    throw error;
  }
  let ending: Promise<void> | undefined;
  const end = async (graceMs: number): Promise<void> => {
    await transport.pause();
    await server.drain(graceMs);
    await transport.close();
    await server.close();
  };
  const endOnce = (graceMs: number): Promise<void> => {
    ending ??= end(graceMs);
    return ending;
  };
  return {
    id,
    queues,
    modules: checked.modules.names,
    get running() {
      return server.running;
    },
    drain: () => endOnce(checked.drainTimeoutMs),
    close: () => endOnce(0),
    [Symbol.asyncDispose]: () => endOnce(0),
  };
}

/** The queues of every combination of these resources: a task may need one, some or all of them. */
function queuesOf(base: string, resources: readonly string[]): string[] {
  let sets: string[][] = [[]];
  for (const name of resources) sets = [...sets, ...sets.map((set) => [...set, name])];
  return sets.map((set) => queueOf(base, set));
}
