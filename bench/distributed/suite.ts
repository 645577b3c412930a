/** Many machines, here processes: what a task costs on its way to a worker and back, beside BullMQ without any graph. */
import { versionOf } from "../lib/machine.js";
import { measureInProcess } from "../lib/process.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Measured } from "./measure.js";
import type { Simulated } from "./simulator.js";

const ROUNDS = 3;
const TASKS = 20_000;
const TRIPS = 500;
const MILLION = 1_000_000;
/** Of a coordinator of a million tasks: without a limit it is garbage, which V8 has no reason to collect, that is measured. */
const HEAP_MEGABYTES = 700;
const LARGE_USERS = 20;
const FAR_WORKERS = 10_000;

const limitedHeap = { nodeOptions: [`--max-old-space-size=${HEAP_MEGABYTES}`] };

const contenders = {
  raw: `BullMQ ${versionOf("bullmq")}, addBulk and workers, no graph`,
  flows: `BullMQ ${versionOf("bullmq")}, flows (a tree)`,
  ours: "orchestrator-executor, layered graph, journal included",
} as const;
type Contender = keyof typeof contenders;

/** `--only` takes `graph`, `trips`, `large`, `million` and `simulator`. */
export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const samples = new Map<string, Measured[]>();
  const failures = new Map<string, string>();
  const measure = async (what: string, kind: string, count: number, timeoutSeconds: number): Promise<void> => {
    const key = `${what} ${kind}`;
    const args = [what, kind === "million" ? "graph" : kind, String(count)];
    const sample = await measureInProcess<Measured>("distributed/measure.js", args, {
      timeoutSeconds,
      ...(kind === "million" && limitedHeap),
    });
    if ("failed" in sample) failures.set(key, sample.failed);
    else samples.set(key, [...(samples.get(key) ?? []), sample]);
    log(`${key}: ${"failed" in sample ? sample.failed : JSON.stringify(sample)}`);
  };
  for (let round = 0; round < ROUNDS; round++) {
    if (wanted("graph")) for (const what of Object.keys(contenders)) await measure(what, "graph", TASKS, 300);
    if (wanted("trips")) for (const what of ["raw", "ours"]) await measure(what, "trips", TRIPS, 120);
  }
  if (wanted("large")) await measure("ours", "large", LARGE_USERS, 300);
  if (wanted("million")) await measure("ours", "million", MILLION, 1800);
  let simulated: Simulated | undefined;
  if (wanted("simulator")) {
    const args = [String(MILLION), String(FAR_WORKERS)];
    const sample = await measureInProcess<Simulated>("distributed/simulator.js", args, { timeoutSeconds: 300 });
    log(`simulator: ${JSON.stringify(sample)}`);
    if (!("failed" in sample)) simulated = sample;
  }
  const of = (key: string, value: (sample: Measured) => number): number | undefined => {
    const taken = samples.get(key);
    return taken && median(taken.map(value));
  };
  const rate = (what: Contender): number | undefined => of(`${what} graph`, ({ tasks, seconds }) => tasks / seconds);
  return {
    order: 8,
    title: "Many machines",
    method: METHOD,
    goals: [...goalsOf(rate, of), ...movedGoal(samples.get("ours large")?.[0])],
    tables: [
      {
        title: `${TASKS.toLocaleString("en")} tasks that do nothing, 2 workers`,
        head: ["", "tasks a second", "Redis commands a task", "Redis, most bytes"],
        rows: (Object.keys(contenders) as Contender[]).map((what) => [
          contenders[what],
          shown(rate(what)) ?? failures.get(`${what} graph`) ?? "-",
          of(`${what} graph`, ({ redisOperations, tasks }) => redisOperations / tasks)?.toFixed(1) ?? "-",
          megabytes(of(`${what} graph`, ({ redisPeakBytes }) => redisPeakBytes)),
        ]),
      },
      {
        title: "One task, there and back, milliseconds",
        head: ["", "p50", "p99"],
        rows: (["raw", "ours"] as const).map((what) => [
          contenders[what],
          of(`${what} trips`, ({ p50 }) => p50!)?.toFixed(2) ?? "-",
          of(`${what} trips`, ({ p99 }) => p99!)?.toFixed(2) ?? "-",
        ]),
      },
      {
        title:
          "Where a cluster saturates: CPU of each part, microseconds a task, and how many tasks a second fill one CPU with it",
        head: ["", "coordinator or producer", "tasks a second", "a worker", "Redis", "tasks a second"],
        rows: (Object.keys(contenders) as Contender[]).map((what) => {
          const micros = (part: "coordinator" | "workers" | "redis"): number | undefined =>
            of(`${what} graph`, ({ cpu, tasks }) => ((cpu?.[part] ?? Number.NaN) / tasks) * 1e6);
          const [own, theirs, redis] = [micros("coordinator"), micros("workers"), micros("redis")];
          return [
            contenders[what],
            shown(own) ?? "-",
            shown(own && 1e6 / own) ?? "-",
            shown(theirs) ?? "-",
            shown(redis) ?? "-",
            shown(redis && 1e6 / redis) ?? "-",
          ];
        }),
      },
      ...(simulated === undefined ? [] : [farTable(simulated)]),
    ],
  };
}

const METHOD = `A Redis server from Debian, append-only every second, and two worker processes of 20 attempts at once, on this machine;
contenders take turns in ${ROUNDS} rounds, and medians are given. Each has
carried out 5,000 tasks before the clock starts. Raw BullMQ adds jobs 1,000 at a time and counts their completed events. Ours runs
a graph of 100 layers with 2 to 3 dependencies a task, and writes its journal.`;

function goalsOf(
  rate: (what: Contender) => number | undefined,
  of: (key: string, value: (sample: Measured) => number) => number | undefined,
): Goal[] {
  const goals: Goal[] = [];
  const ours = rate("ours");
  const compare = (other: Contender, atLeast: number, goal: string): void => {
    const theirs = rate(other);
    if (ours === undefined || theirs === undefined) return;
    const ratio = ours / theirs;
    goals.push({
      what: `${TASKS.toLocaleString("en")} tasks, beside ${contenders[other]}`,
      goal,
      measured: `${ratio.toFixed(2)} times its rate`,
      met: ratio >= atLeast,
    });
  };
  compare("raw", 0.8, "at least 0.8 times");
  compare("flows", 3, "at least 3 times");
  const [trip, rawTrip] = [of("ours trips", ({ p50 }) => p50!), of("raw trips", ({ p50 }) => p50!)];
  if (trip !== undefined && rawTrip !== undefined) {
    const ratio = trip / rawTrip;
    const what = "one task, there and back, beside a raw BullMQ job";
    goals.push({ what, goal: "at most 1.5 times", measured: `${ratio.toFixed(2)} times`, met: ratio <= 1.5 });
  }
  const redis = of("ours million", ({ redisPeakBytes }) => redisPeakBytes);
  const coordinator = of("ours million", ({ peakBytes }) => peakBytes);
  if (redis !== undefined && coordinator !== undefined) {
    const what = "1,000,000 tasks";
    goals.push({
      what,
      goal: "Redis bounded by the window: under 64 MB",
      measured: megabytes(redis),
      met: redis < 64e6,
    });
    goals.push({
      what,
      goal: `coordinator under 1 GB, with a heap limit of ${HEAP_MEGABYTES} MB`,
      measured: megabytes(coordinator),
      met: coordinator < 1e9,
    });
  }
  return goals;
}

function shown(value: number | undefined): string | undefined {
  return value === undefined ? undefined : Math.round(value).toLocaleString("en");
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : `${(bytes / 1e6).toFixed(0)} MB`;
}

function movedGoal(sample: Measured | undefined): Goal[] {
  if (sample?.moved === undefined) return [];
  return [
    {
      what: `an output of 100 MB, used by ${LARGE_USERS} tasks on 2 workers`,
      goal: "moved at most once to each worker",
      measured: `moved ${sample.moved.join(" and ")} times`,
      met: Math.max(...sample.moved) <= 1,
    },
  ];
}

function farTable({ tasks, workers, cpuSeconds, utilization, besideBound }: Simulated): Table {
  return {
    title: "Past this machine: the scheduler itself on a simulated clock, tasks of one second in 100 layers",
    head: [
      "tasks",
      "workers",
      "CPU seconds",
      "microseconds a task",
      "workers' time worked",
      "makespan beside the bound",
    ],
    rows: [
      [
        tasks.toLocaleString("en"),
        workers.toLocaleString("en"),
        cpuSeconds.toFixed(1),
        ((cpuSeconds / tasks) * 1e6).toFixed(1),
        `${(utilization * 100).toFixed(1)} %`,
        besideBound.toFixed(3),
      ],
    ],
  };
}
