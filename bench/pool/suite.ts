/** Thread pools: what a task costs on its way to a worker thread and back. */
import { versionOf } from "../lib/machine.js";
import { measureInProcess } from "../lib/process.js";
import type { Goal } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import { type WorkloadName, workloadNames } from "./functions.js";
import type { Measurement } from "./measure.js";

const ROUNDS = 3;

const contenders = [
  { name: "raw", label: "raw postMessage (the limit)" },
  { name: "ours", label: "orchestrator-executor, its thread pool" },
  { name: "ours-run", label: "orchestrator-executor, tasks of a run" },
  { name: "piscina", label: `Piscina ${versionOf("piscina")}` },
  { name: "piscina-10", label: `Piscina ${versionOf("piscina")}, 10 tasks a worker at once` },
  { name: "tinypool", label: `Tinypool ${versionOf("tinypool")}` },
  { name: "poolifier", label: `poolifier ${versionOf("poolifier")}` },
  { name: "workerpool", label: `workerpool ${versionOf("workerpool")}` },
];

const headings: Readonly<Record<WorkloadName, string>> = {
  noop: "no-op",
  object: "small object",
  cpu: "5 ms CPU",
  buffer: "1 MiB transferred",
};

/** `--only` takes names of contenders and workloads. */
export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const among = <T>(values: readonly T[], nameOf: (value: T) => string): readonly T[] => {
    const some = values.filter((value) => only.includes(nameOf(value)));
    return some.length > 0 ? some : values;
  };
  const entries = among(contenders, ({ name }) => name);
  const loads = among(workloadNames, String);
  const rates = new Map<string, number[]>();
  const failures = new Map<string, string>();
  for (const workload of loads) {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name } of entries) {
        const key = `${name} ${workload}`;
        const sample = await measureInProcess<Measurement>("pool/measure.js", [name, workload], { timeoutSeconds: 60 });
        if ("failed" in sample) failures.set(key, sample.failed);
        else rates.set(key, [...(rates.get(key) ?? []), sample.tasksPerSecond]);
        log(
          `${workload} ${name}: ${"failed" in sample ? sample.failed : `${rounded(sample.tasksPerSecond)} a second`}`,
        );
      }
    }
  }
  const rateOf = (name: string, workload: WorkloadName): number | undefined => {
    const samples = rates.get(`${name} ${workload}`);
    return samples && median(samples);
  };
  const cell = (name: string, workload: WorkloadName): string => {
    const rate = rateOf(name, workload);
    return rate === undefined ? (failures.get(`${name} ${workload}`) ?? "-") : rounded(rate);
  };
  return {
    order: 2,
    title: "Thread pools",
    method: METHOD,
    goals: goalsOf(rateOf),
    tables: [
      {
        title: "Tasks a second",
        head: ["", ...loads.map((workload) => headings[workload])],
        rows: entries.map(({ name, label }) => [label, ...loads.map((workload) => cell(name, workload))]),
      },
    ],
  };
}

const METHOD = `Two threads, 20 tasks in flight, in a process of its own for each measurement: 0.7 s of warm-up, then 1.5 s in which the
tasks that came back are counted; contenders take turns in ${ROUNDS} rounds, and medians are given. Buffers are made anew and moved to the worker,
which reads one byte of each page.`;

function goalsOf(rateOf: (name: string, workload: WorkloadName) => number | undefined): Goal[] {
  const goals: Goal[] = [];
  const compare = (workload: WorkloadName, other: string, atLeast: number, goal: string) => {
    const ours = rateOf("ours", workload);
    const theirs = rateOf(other, workload);
    if (ours === undefined || theirs === undefined) return;
    const label = contenders.find(({ name }) => name === other)!.label;
    const ratio = ours / theirs;
    const what = `${headings[workload]}, beside ${label}`;
    goals.push({ what, goal, measured: `${ratio.toFixed(2)} times its rate`, met: ratio >= atLeast });
  };
  compare("noop", "piscina", 2.5, "at least 2.5 times");
  compare("noop", "tinypool", 2.5, "at least 2.5 times");
  compare("noop", "raw", 1 / 1.5, "within 1.5 times: at least 0.67");
  compare("cpu", "raw", 0.97, "at least its rate less 3 %: 0.97");
  compare("buffer", "piscina", 1, "at least as fast");
  return goals;
}

function rounded(rate: number): string {
  return (rate < 1000 ? Math.round(rate) : Math.round(rate / 10) * 10).toLocaleString("en");
}
