/** One measurement, in a process of its own: `node measure.js <contender>` imports what it names and prints one line of JSON. */
import { contenders } from "./contenders.js";

export interface Measurement {
  /** Milliseconds until the import has ended. */
  readonly wall: number;
  /** Milliseconds of CPU meanwhile, user and system, of all threads. */
  readonly cpu: number;
}

const contender = contenders.find(({ name }) => name === process.argv[2]);
if (contender === undefined) throw new RangeError(`no contender is called ${process.argv[2]}`);

const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await import(contender.specifier);
const wall = performance.now() - startedAt;
const used = process.cpuUsage(cpuBefore);
const measurement: Measurement = { wall, cpu: (used.user + used.system) / 1000 };
process.stdout.write(`${JSON.stringify(measurement)}\n`);
// What is imported may keep the process, and is not asked.
process.exit();
