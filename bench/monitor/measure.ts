/**
 * One measurement, in a process of its own: `node --expose-gc measure.js <watcher> <shape> <size>` prints one line of JSON.
 * The tasks are made before the clock starts.
 */
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { ExecutionMonitor } from "#src/monitor/execution-monitor.js";
import type { Observer } from "#src/port/observer.js";
import { makeShape, makeTasks, type ShapeName } from "../graphs/shape.js";

export interface Measurement {
  /** Microseconds a task. */
  readonly wall: number;
  /** Microseconds of CPU a task, user and system, of all threads. */
  readonly cpu: number;
  readonly peakBytes: number;
}

const [watcher, shapeName, sizeText] = process.argv.slice(2);
const size = Number(sizeText);
const shape = makeShape(shapeName as ShapeName, size);
const tasks = makeTasks(shape);

const monitor = new ExecutionMonitor();
let events = 0;
const counting: Observer = { observe: () => void events++ };
const watched: Record<string, { monitor?: Observer }> = {
  none: {},
  monitor: { monitor },
  events: { monitor: counting },
};
const config = watched[watcher!];
if (config === undefined) throw new RangeError(`no watcher is called ${watcher}`);

globalThis.gc?.();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const results = await new ParallelExecutor({ maxConcurrentTasks: 20, ...config }).executeTasks(tasks);
const endedAt = performance.now();
const used = process.cpuUsage(cpuBefore);

if (results.size !== size) throw new Error(`${results.size} results of ${size} tasks`);
if (config.monitor === monitor) {
  const { ended, attempts, resourceUtilization, queuedTime } = monitor.getMetrics();
  const { now, peak } = resourceUtilization.slots!;
  if (ended.succeeded !== size || attempts !== size || queuedTime.count !== size || now !== 0 || peak < 1 || peak > 20)
    throw new Error(`the monitor told ${JSON.stringify({ ended, attempts, now, peak })}`);
}
const measurement: Measurement = {
  wall: ((endedAt - startedAt) * 1000) / size,
  cpu: (used.user + used.system) / size,
  peakBytes: process.resourceUsage().maxRSS * 1024,
};
process.stdout.write(`${JSON.stringify(measurement)}\n`);
