/**
 * One measurement, in a process of its own: `node measure.js <what> <shape> <size> <place>` prints one line of JSON. `place` is a
 * folder for us, and the address of a server for a peer. The tasks are made before the clock starts.
 */
import { makeTasks, type ShapeName } from "./shapes.js";

export interface Measurement {
  /** Microseconds a task, from the call to the last end. */
  readonly wall: number;
  /** Microseconds of CPU a task, of this process alone. */
  readonly cpu: number;
  /** Milliseconds from the call to the start of the first task. */
  readonly firstStart: number;
}

/** Runs so many tasks of a shape; resolves when all have ended. */
export type Contender = (work: {
  readonly shape: ShapeName;
  readonly size: number;
  readonly place: string;
  readonly began: () => void;
}) => Promise<{ readonly run: () => Promise<void>; readonly close: () => Promise<void> }>;

const [what, shape, sizeText, place = ""] = process.argv.slice(2);
const size = Number(sizeText);

let firstStart = Number.NaN;
let startedAt = 0;
const began = (): void => {
  if (Number.isNaN(firstStart)) firstStart = performance.now() - startedAt;
};
const { run, close } = await (what === "dbos" || what === "bullmq" ? peer(what) : ours(what!));
globalThis.gc?.();
const cpuBefore = process.cpuUsage();
startedAt = performance.now();
await run();
const wall = ((performance.now() - startedAt) * 1000) / size;
const used = process.cpuUsage(cpuBefore);
const measurement: Measurement = { wall, cpu: (used.user + used.system) / size, firstStart };
await close();
process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit(0));

async function peer(name: string): ReturnType<Contender> {
  const { contender } = (await import(`./contenders/${name}.js`)) as { contender: Contender };
  return contender({ shape: shape as ShapeName, size, place, began });
}

/** `none`, `process-crash`, `power-loss`: with which journal; `resume`: all but one more task are in it. */
async function ours(how: string): ReturnType<Contender> {
  const { ParallelExecutor } = await import("#src/parallel.js");
  // A peer's modules are loaded before the clock starts, too. What a resumed run loads belongs to it.
  if (how !== "resume") await import("#src/journal/open-journal.js");
  const tasks = makeTasks(shape as ShapeName, size);
  if (how === "resume") tasks.push({ id: "new", run: began, dependsOn: [tasks.at(-1)!.id] });
  const durability = how === "power-loss" ? ("power-loss" as const) : ("process-crash" as const);
  const options = how === "none" ? {} : { journal: place, runId: "bench", resume: true, durability };
  const executor = new ParallelExecutor({ maxConcurrentTasks: 20 });
  return {
    run: async () => {
      const results = await executor.executeTasks(tasks, options);
      for (const { taskId, success } of results.values()) if (!success) throw new Error(`${taskId} failed`);
    },
    close: () => executor.close(),
  };
}
