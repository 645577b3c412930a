/**
 * One measurement, in a process of its own: `node measure.js <contender> <workload>` prints one line of JSON. The pool is
 * warmed up, then kept at 20 tasks in flight for a while, and the tasks that came back are counted.
 */
import { IN_FLIGHT, type OpenPool } from "./contender.js";
import { inputFor, type WorkloadName } from "./functions.js";

export interface Measurement {
  readonly tasksPerSecond: number;
}

const [contender, workloadText] = process.argv.slice(2);
const workload = workloadText as WorkloadName;
const { open } = (await import(`./contenders/${contender}.js`)) as { open: OpenPool };
const pool = await open(workload);

/** Tasks of one run: enough that its start and end, when less than all is in flight, hardly count. */
const batchSizes: Readonly<Record<WorkloadName, number>> = { noop: 5000, object: 5000, cpu: 200, buffer: 200 };

await keepBusyFor(700);
const tasksPerSecond = await keepBusyFor(1500);
process.stdout.write(`${JSON.stringify({ tasksPerSecond } satisfies Measurement)}\n`, () => process.exit(0));

async function keepBusyFor(milliseconds: number): Promise<number> {
  const startedAt = performance.now();
  const end = startedAt + milliseconds;
  let count = 0;
  const lane = async (run: (input: unknown, transfer?: ArrayBuffer) => Promise<unknown>): Promise<void> => {
    while (performance.now() < end) {
      const input = inputFor(workload);
      await run(input, input instanceof ArrayBuffer ? input : undefined);
      count++;
    }
  };
  if ("run" in pool) await Promise.all(Array.from({ length: IN_FLIGHT }, () => lane(pool.run)));
  else {
    const batch = batchSizes[workload];
    for (; performance.now() < end; count += batch) {
      await pool.runAll(Array.from({ length: batch }, () => inputFor(workload)));
    }
  }
  return (count * 1000) / (performance.now() - startedAt);
}
