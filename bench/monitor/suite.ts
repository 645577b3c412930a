/** What it costs to watch: a million no-op tasks with and without a monitor. */
import { measureInProcess } from "../lib/process.js";
import type { Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Measurement } from "./measure.js";

const size = 1_000_000;
const rounds = 9;
const most = 1.1;

const watchers = [
  { name: "none", label: "nobody watches" },
  { name: "monitor", label: "`ExecutionMonitor`" },
  { name: "events", label: "an observer that counts events" },
] as const;

const shapes = ["layered", "independent"] as const;

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const some = shapes.filter((shape) => only.includes(shape));
  const tables: Table[] = [];
  const goals: SuiteResult["goals"][number][] = [];
  for (const shape of some.length > 0 ? some : shapes) {
    const samples = await measure(shape, log);
    const base = median(samples.none.map(({ cpu }) => cpu));
    const ratio = median(samples.monitor.map(({ cpu }) => cpu)) / base;
    goals.push({
      what: `${shape} ${size.toLocaleString("en")}: CPU with a monitor beside none`,
      goal: `at most ${most} times`,
      measured: `${ratio.toFixed(3)} times`,
      met: ratio <= most,
    });
    tables.push({
      title: `${shape}, ${size.toLocaleString("en")} tasks`,
      head: ["", "us of CPU a task", "times none", "us a task", "peak MB"],
      rows: watchers.map(({ name, label }) => {
        const cpu = median(samples[name].map((sample) => sample.cpu));
        const wall = median(samples[name].map((sample) => sample.wall));
        const peak = median(samples[name].map((sample) => sample.peakBytes));
        return [label, cpu.toFixed(2), (cpu / base).toFixed(2), wall.toFixed(2), (peak / 1e6).toFixed(0)];
      }),
    });
  }
  return { order: 7, title: "What it costs to watch", method, goals, tables };
}

const method = `Concurrency 20, async no-op tasks, made before the clock starts. Every measurement has a process of its own; those that are
compared take turns in ${rounds} rounds, and medians are given. CPU is user and system time of all threads. The figures of the monitor are
checked after each run.`;

type Samples = Record<(typeof watchers)[number]["name"], Measurement[]>;

async function measure(shape: string, log: SuiteOptions["log"]): Promise<Samples> {
  const samples: Samples = { none: [], monitor: [], events: [] };
  for (let round = 0; round < rounds; round++) {
    for (const { name } of watchers) {
      // Events cost so much more that three rounds tell it.
      if (name === "events" && round >= 3) continue;
      const sample = await measureInProcess<Measurement>("monitor/measure.js", [name, shape, String(size)], {
        timeoutSeconds: 150,
      });
      if ("failed" in sample) throw new Error(`${shape} ${name}: ${sample.failed}`);
      samples[name].push(sample);
      log(`${shape} ${name}: ${sample.cpu.toFixed(2)} us of CPU a task`);
    }
  }
  return samples;
}
