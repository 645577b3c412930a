/**
 * One measurement in a process of its own: `raw`, `flows` or `ours`, of so many tasks, of single round trips, or of so many
 * tasks that take one large value. Prints what it measured as JSON.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FlowProducer, Queue, QueueEvents } from "bullmq";
import { distributed, readCluster } from "#src/distributed.js";
import { ParallelExecutor, type Task, worker } from "#src/parallel.js";
import { makeShape } from "../graphs/shape.js";
import { type Processes, startProcesses, startRedis } from "./redis.js";

export interface Measured {
  readonly seconds: number;
  readonly tasks: number;
  /** Seconds of CPU, where the system tells: they hardly change with whatever else the machine does. */
  readonly cpu?: { readonly coordinator: number; readonly workers: number | undefined; readonly redis: number };
  /** Milliseconds, for round trips; `p10` is least disturbed by whatever else the machine does. */
  readonly p10?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly redisOperations: number;
  readonly redisPeakBytes: number;
  readonly peakBytes: number;
  readonly parcels?: number;
  /** How often each worker fetched the large value. */
  readonly moved?: readonly number[];
}

const WORKERS = 2;
const CONCURRENCY = 20;
/** Tasks before the clock starts, the same for all: the engine has compiled by then what it will. */
const WARM_UP = 5000;
const LARGE_BYTES = 100_000_000;

const [what = "ours", kind = "graph", countText = "20000"] = process.argv.slice(2);
const count = Number(countText);
const redis = await startRedis();
const connection = { host: "127.0.0.1", port: redis.port };
const folder = mkdtempSync(join(tmpdir(), "orchestrator-bench-journal-"));
let redisPeakBytes = 0;
const watch = setInterval(async () => {
  // The last question may still be under way when the server is stopped.
  const told = await redis.client.info("memory").catch(() => "");
  const used = Number(/^used_memory:(\d+)/m.exec(told)?.[1] ?? 0);
  redisPeakBytes = Math.max(redisPeakBytes, used);
}, 100);

const measurements: Record<string, () => Promise<object>> = { ours, flows, raw };
const measured = kind === "large" ? await large() : await measurements[what]!();
clearInterval(watch);
console.log(JSON.stringify({ ...measured, redisPeakBytes, peakBytes: process.resourceUsage().maxRSS * 1024 }));
await redis.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(0);

async function redisSays(section: string, field: string): Promise<number> {
  return Number(new RegExp(`^${field}:([\\d.]+)`, "m").exec(await redis.client.info(section))![1]);
}

async function used(
  workers: Processes,
): Promise<Record<"operations" | "coordinator" | "redis", number> & { workers: number | undefined }> {
  const { user, system } = process.cpuUsage();
  return {
    operations: await redisSays("stats", "total_commands_processed"),
    coordinator: (user + system) / 1e6,
    redis: (await redisSays("cpu", "used_cpu_user")) + (await redisSays("cpu", "used_cpu_sys")),
    workers: workers.cpuSeconds(),
  };
}

async function timed(workers: Processes, run: () => Promise<void>): Promise<Partial<Measured>> {
  const before = await used(workers);
  const start = performance.now();
  await run();
  const seconds = (performance.now() - start) / 1000;
  const after = await used(workers);
  const cpu = {
    coordinator: after.coordinator - before.coordinator,
    workers: after.workers === undefined ? undefined : after.workers - before.workers!,
    redis: after.redis - before.redis,
  };
  return { seconds, redisOperations: after.operations - before.operations, tasks: count, cpu };
}

async function trips(trip: (index: number) => Promise<unknown>): Promise<Partial<Measured>> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    await trip(index);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return {
    p10: times[Math.floor(count / 10)]!,
    p50: times[Math.floor(count / 2)]!,
    p99: times[Math.floor(count * 0.99)]!,
  };
}

async function raw(): Promise<object> {
  const queue = new Queue("raw", { connection });
  const events = new QueueEvents("raw", { connection });
  await events.waitUntilReady();
  const script = fileURLToPath(new URL("./raw-worker.js", import.meta.url));
  const workers = await startProcesses(
    Array.from({ length: WORKERS }, () => [script, String(redis.port), String(CONCURRENCY), "raw"]),
  );
  const opts = { removeOnComplete: true };
  const all = async (tasks: number): Promise<void> => {
    let left = tasks;
    const done = new Promise<void>((resolve) => {
      const onCompleted = (): void => {
        if (--left > 0) return;
        events.off("completed", onCompleted);
        resolve();
      };
      events.on("completed", onCompleted);
    });
    for (let first = 0; first < tasks; first += 1000) {
      const size = Math.min(1000, tasks - first);
      await queue.addBulk(Array.from({ length: size }, (_, index) => ({ name: "task", data: first + index, opts })));
    }
    await done;
  };
  await all(WARM_UP);
  const result =
    kind === "trips"
      ? await trips(async () => (await queue.add("task", 1, { removeOnComplete: 100 })).waitUntilFinished(events))
      : await timed(workers, () => all(count));
  await workers.stop();
  return { tasks: count, seconds: 0, redisOperations: 0, ...result };
}

/** A tree of jobs, because flows know nothing else: 100 parents of a hundredth of the tasks each, and one root. */
async function flows(): Promise<object> {
  const producer = new FlowProducer({ connection });
  const queue = new Queue("raw", { connection });
  const events = new QueueEvents("raw", { connection });
  await events.waitUntilReady();
  const script = fileURLToPath(new URL("./raw-worker.js", import.meta.url));
  const workers = await startProcesses(
    Array.from({ length: WORKERS }, () => [script, String(redis.port), String(CONCURRENCY), "raw"]),
  );
  const leaf = { name: "leaf", queueName: "raw", data: 1 };
  const tree = async (tasks: number): Promise<void> => {
    const leaves = Math.round(tasks / 100);
    const parent = { ...leaf, children: Array.from({ length: leaves - 1 }, () => leaf) };
    const { job } = await producer.add({ ...leaf, children: Array.from({ length: 100 }, () => parent) });
    await job.waitUntilFinished(events);
  };
  await tree(WARM_UP);
  const result = await timed(workers, () => tree(count));
  await queue.close();
  await workers.stop();
  return result;
}

async function ours(): Promise<object> {
  const module = new URL("./functions.js", import.meta.url);
  const orchestrator = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
  const tasks = ["--tasks", fileURLToPath(module), "--concurrency", String(CONCURRENCY)];
  const workers = await startProcesses(
    Array.from({ length: WORKERS }, () => [orchestrator, "worker", "--connection", redis.url, ...tasks]),
  );
  const backend = distributed({ connection: redis.url });
  const executor = new ParallelExecutor({ backend });
  const run = worker(module, "nothing");
  const graph = (size: number): Task[] => {
    const shape = makeShape("layered", size);
    // One string for each id, as a program has that keeps its tasks.
    const ids = Array.from({ length: size }, (_, index) => `task-${index}`);
    return Array.from({ length: size }, (_, index) => ({
      id: ids[index]!,
      name: "nothing",
      run,
      dependsOn: Array.from(
        shape.dependencies.subarray(shape.offsets[index]!, shape.offsets[index + 1]!),
        (dependency) => ids[dependency]!,
      ),
    }));
  };
  await executor.executeTasks(graph(WARM_UP));
  const list = graph(count);
  const journalled = { journal: folder, runId: "bench" };
  const result =
    kind === "trips"
      ? await trips(() => executor.executeTasks([{ id: "task", name: "nothing", run }]))
      : await timed(workers, async () => {
          const results = await executor.executeTasks(list, journalled);
          for (const { error } of results.values()) if (error) throw error;
        });
  const { parcels } = backend.stats();
  await executor.close();
  await workers.stop();
  return { tasks: count, seconds: 0, redisOperations: 0, ...result, parcels };
}

/** One output of 100 MB, used by so many tasks. Each worker has a temporary folder of its own, as on a machine of its own. */
async function large(): Promise<object> {
  const module = new URL("./functions.js", import.meta.url);
  const orchestrator = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
  const store = join(folder, "store");
  const flags = ["--tasks", fileURLToPath(module), "--concurrency", "2", "--data", store];
  const temporary = Array.from({ length: WORKERS }, (_, index) => join(folder, `worker-${index}`));
  for (const each of temporary) mkdirSync(each);
  const workers = await startProcesses(
    temporary.map(() => [orchestrator, "worker", "--connection", redis.url, ...flags]),
    temporary.map((each) => ({ TMPDIR: each })),
  );
  const data = { kind: "file", folder: store, cacheFolder: join(folder, "own") } as const;
  const executor = new ParallelExecutor({ backend: distributed({ connection: redis.url, data }) });
  const users = Array.from({ length: count }, (_, index): Task => {
    return { id: `use-${index}`, inputs: { value: "make" }, run: worker(module, "lengthOf") };
  });
  const result = await timed(workers, async () => {
    const make: Task = { id: "make", run: worker(module, "large"), with: { bytes: LARGE_BYTES } };
    const results = await executor.executeTasks([make, ...users]);
    for (const { id } of users) if (results.get(id)!.output !== LARGE_BYTES) throw results.get(id)!.error;
  });
  let moved: number[] = [];
  for (let done = 0; done < count + 1; ) {
    const counts = (await readCluster({ connection: redis.url })).workers.map((each) => each.counts);
    moved = counts.map(({ movedValues = 0 }) => movedValues);
    done = counts.reduce((sum, { succeeded = 0 }) => sum + succeeded, 0);
    await delay(100);
  }
  await executor.close();
  await workers.stop();
  return { ...result, moved };
}
