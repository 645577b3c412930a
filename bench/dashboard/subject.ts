/**
 * A program with a run of many tasks, in a process of its own: `node subject.js <dashboard|nobody> <work> <size>`. It prints
 * the page's address, starts the run at the first line that it is sent, prints what it measured, and ends at the second.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { RunEvent } from "#src/model/event.js";
import { TaskGraph } from "#src/model/graph.js";

/** What the program tells when its run has ended. */
export interface Subject {
  readonly seconds: number;
  /** Seconds of CPU during the run, user and system, of all threads. */
  readonly cpuSeconds: number;
  /** When the run came to each hundredth event: milliseconds since the epoch. */
  readonly reached: readonly number[];
  readonly lastSequence: number;
  readonly peakBytes: number;
}

const chains = 100;
const works: Readonly<Record<string, () => Promise<number>>> = {
  "2 ms": () => new Promise((resolve) => setTimeout(resolve, 2, 1)),
  "no-op": async () => 1,
};

const [watcher, workName, sizeText] = process.argv.slice(2);
const size = Number(sizeText);
const work = works[workName!];
if (work === undefined) throw new RangeError(`no work is called ${workName}`);
const graph = new TaskGraph("many");
for (let task = 0; task < size; task++)
  graph.task(`step:${task}`, work, task < chains ? {} : { dependsOn: [`step:${task - chains}`] });

const executor = new ParallelExecutor({ maxConcurrentTasks: 64 });
const dashboard = watcher === "dashboard" ? await startDashboard({ executor }) : undefined;
const lines = createInterface({ input: process.stdin });
console.log(JSON.stringify({ url: dashboard?.url ?? "" }));
await once(lines, "line");

const reached: number[] = [];
let lastSequence = -1;
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const run = executor.run(graph, { runId: "many" });
if (dashboard !== undefined)
  run.observe({
    observe({ sequence }: RunEvent) {
      lastSequence = sequence;
      if (sequence % 100 === 0) reached.push(Date.now());
    },
  });
const results = await run.results;
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
if (results.size !== size) throw new Error(`${results.size} results of ${size} tasks`);
const told: Subject = {
  seconds,
  cpuSeconds: (user + system) / 1e6,
  reached,
  lastSequence,
  peakBytes: process.resourceUsage().maxRSS * 1024,
};
console.log(JSON.stringify(told));
if (dashboard !== undefined) await once(lines, "line");
process.exit(0);
