/**
 * One measurement, in a process of its own: `node --expose-gc measure.js <contender> <shape> <size>` prints one line of JSON.
 * The input is made before the clock starts; each contender's own preparation and its run count.
 */
import type { Contender } from "./contender.js";
import { makeShape, makeTasks, type ShapeName } from "./shape.js";

export interface Measurement {
  /** Microseconds a task. */
  readonly wall: number;
  /** Microseconds of CPU a task, user and system, of all threads. */
  readonly cpu: number;
  /** Highest resident memory of the process, input included. */
  readonly peakBytes: number;
  /** Resident memory when the clock started: Node itself and the input. */
  readonly inputBytes: number;
  /** Microseconds a task to read and check every result afterwards. */
  readonly verify: number;
}

const [name, shapeName, sizeText] = process.argv.slice(2);
const size = Number(sizeText);
const { contender } = (await import(`./contenders/${name}.js`)) as { contender: Contender };

const shape = makeShape(shapeName as ShapeName, size);
const run =
  contender.takes === "integers" ? () => contender.run(shape) : contender.run.bind(contender, makeTasks(shape));
globalThis.gc?.();
const inputBytes = process.memoryUsage.rss();

const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const outcome = await run();
const endedAt = performance.now();
const cpuUsed = process.cpuUsage(cpuBefore);
const peakBytes = process.resourceUsage().maxRSS * 1024;

outcome.verify(shape);
const measurement: Measurement = {
  wall: ((endedAt - startedAt) * 1000) / size,
  cpu: (cpuUsed.user + cpuUsed.system) / size,
  peakBytes,
  inputBytes,
  verify: ((performance.now() - endedAt) * 1000) / size,
};
// Some contenders leave timers or threads behind; the figures are complete.
process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit(0));
