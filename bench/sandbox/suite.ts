/** How fast a sandbox is: cold, warm and without any, latency and throughput; and that it holds on for 10,000 runs. */
import { hasDockerDaemon, startDockerDaemon } from "../lib/docker-daemon.js";
import { measureInProcess } from "../lib/process.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Endurance, Holding } from "./endurance.js";
import {
  bareWay,
  dockerRunWay,
  hello,
  type Program,
  pandasSum,
  plainBubblewrapWay,
  sandboxWay,
  type Way,
} from "./ways.js";

const ROUNDS = 20;
const PAUSE_MS = 150;
const CLIENTS = 2;
const THROUGHPUT_ROUNDS = 5;
const THROUGHPUT_SECONDS = 5;
const ENDURANCE_RUNS = 10_000;

/** Milliseconds of each run, by way and program. */
type Times = Map<string, number[]>;
/** Runs a second in each round, by way. */
type Rates = Map<string, number[]>;

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const wants = (name: string) => only.length === 0 || only.includes(name);
  const times: Times = new Map();
  const perSecond: Rates = new Map();
  const ways = await measureWays(wants, times, perSecond, log);
  const endurance = wants("endurance") ? await measureEndurance(log) : undefined;
  return present(ways, times, perSecond, endurance);
}

/** The daemon has ended before endurance is measured, where every mount of the machine is counted. */
async function measureWays(
  wants: (name: string) => boolean,
  times: Times,
  perSecond: Rates,
  log: (line: string) => void,
): Promise<readonly Way[]> {
  const withDocker = wants("docker") && hasDockerDaemon();
  if (wants("docker") && !withDocker) log("docker run is left out: it needs root and dockerd (Debian: docker.io)");
  await using daemon = withDocker ? await startDockerDaemon(log) : undefined;
  const docker = daemon === undefined ? [] : [dockerRunWay(daemon)];
  const all = [bareWay(), plainBubblewrapWay(), ...docker, sandboxWay(false), sandboxWay(true)];
  const ways = all.filter(({ name }) => wants(name));
  try {
    for (const program of [hello, pandasSum]) await measureLatency(ways, program, times, log);
    for (let round = 0; round < THROUGHPUT_ROUNDS; round++)
      for (const way of ways)
        perSecond.set(way.name, [...(perSecond.get(way.name) ?? []), await measureThroughput(way, pandasSum)]);
    for (const way of ways)
      log(
        `${way.name}, runs a second: ${perSecond
          .get(way.name)!
          .map((rate) => rate.toFixed(1))
          .join(", ")}`,
      );
  } finally {
    for (const way of ways) await way.close();
  }
  return ways;
}

async function measureLatency(ways: readonly Way[], program: Program, times: Times, log: (line: string) => void) {
  for (const way of ways) await way.run(program);
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      // What a run leaves to be done in the background is not to be paid by the next way.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const startedAt = performance.now();
      await way.run(program);
      const key = keyOf(way, program);
      times.set(key, [...(times.get(key) ?? []), performance.now() - startedAt]);
    }
  }
  for (const way of ways)
    log(`${way.name} ${program.name}: p50 ${median(times.get(keyOf(way, program))!).toFixed(1)} ms`);
}

async function measureThroughput(way: Way, program: Program): Promise<number> {
  const until = performance.now() + THROUGHPUT_SECONDS * 1000;
  const startedAt = performance.now();
  let done = 0;
  const client = async () => {
    while (performance.now() < until) {
      await way.run(program);
      done++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return done / ((performance.now() - startedAt) / 1000);
}

async function measureEndurance(log: (line: string) => void): Promise<Endurance | { readonly failed: string }> {
  log(`${ENDURANCE_RUNS} runs in a row`);
  return measureInProcess<Endurance>("sandbox/endurance.js", [String(ENDURANCE_RUNS)], { timeoutSeconds: 3600 });
}

function keyOf(way: Way, program: Program): string {
  return `${way.name} ${program.name}`;
}

function present(
  ways: readonly Way[],
  times: Times,
  perSecond: Rates,
  endurance: Endurance | { readonly failed: string } | undefined,
): SuiteResult {
  const cell = (way: Way, program: Program) => {
    const measured = times.get(keyOf(way, program))!;
    return `${median(measured).toFixed(1)} (${Math.min(...measured).toFixed(1)})`;
  };
  const latency: Table = {
    title: "Latency, ms, p50 (min)",
    head: ["", hello.label, pandasSum.label, `${pandasSum.label}, ${CLIENTS} clients, a second`],
    rows: ways.map((way) => [
      way.label,
      cell(way, hello),
      cell(way, pandasSum),
      median(perSecond.get(way.name)!).toFixed(1),
    ]),
  };
  const tables = [latency];
  if (endurance !== undefined && "before" in endurance) tables.push(enduranceTable(endurance));
  return { order: 5, title: "Sandboxes", method: METHOD, goals: goalsOf(times, perSecond, endurance), tables };
}

function goalsOf(
  times: Times,
  perSecond: Rates,
  endurance: Endurance | { readonly failed: string } | undefined,
): Goal[] {
  const p50 = (key: string) => (times.has(key) ? median(times.get(key)!) : Number.NaN);
  const goals: Goal[] = [];
  const ratio = p50("cold pandas") / p50("warm pandas");
  if (!Number.isNaN(ratio))
    goals.push({
      what: "the pandas program, warm, beside cold bubblewrap",
      goal: "20 times as fast",
      measured: `${ratio.toFixed(1)} times`,
      met: ratio >= 20,
    });
  const dockerRatio = p50("docker pandas") / p50("warm pandas");
  if (!Number.isNaN(dockerRatio))
    goals.push({
      what: "the pandas program, warm, beside docker run",
      goal: "30 times as fast",
      measured: `${dockerRatio.toFixed(1)} times`,
      met: dockerRatio >= 30,
    });
  const rates = perSecond.get("docker") ?? [];
  const ratios = (perSecond.get("warm") ?? []).flatMap((rate, round) => (rates[round] ? [rate / rates[round]] : []));
  const throughput = ratios.length === 0 ? Number.NaN : median(ratios);
  if (!Number.isNaN(throughput))
    goals.push({
      what: `throughput of the pandas program, ${CLIENTS} clients, beside docker run`,
      goal: "40 times as many",
      measured: `${throughput.toFixed(1)} times`,
      met: throughput >= 40,
    });
  for (const [key, limit] of [
    ["warm pandas", 25],
    ["warm hello", 10],
  ] as const) {
    if (times.has(key))
      goals.push({
        what: `${key.replace("warm ", "")}, warm, p50`,
        goal: `under ${limit} ms on an idle machine`,
        measured: `${p50(key).toFixed(1)} ms`,
        met: p50(key) < limit,
      });
  }
  if (endurance !== undefined) goals.push(enduranceGoal(endurance));
  return goals;
}

const keptFlat = ["descriptors", "cgroups", "mounts", "processes"] as const satisfies readonly (keyof Holding)[];
/** What V8's heap may hold more between two collections of its own choosing. */
const memorySlackMib = 32;

function enduranceGoal(endurance: Endurance | { readonly failed: string }): Goal {
  const what = `${ENDURANCE_RUNS} runs in a row`;
  const goal = "memory flat; no descriptor, cgroup, mount or process more";
  if (!("before" in endurance)) return { what, goal, measured: endurance.failed as string, met: false };
  const { before, after, failed } = endurance;
  const more = keptFlat.filter((name) => after[name] > before[name]);
  const grown = after.residentMib - before.residentMib;
  const met = more.length === 0 && grown <= memorySlackMib && failed === 0;
  const measured = `${grown} MiB, ${more.length === 0 ? "nothing more" : `more ${more.join(", ")}`}, ${failed} failed`;
  return { what, goal, measured, met };
}

function enduranceTable({ runs, seconds, before, after }: Endurance): Table {
  const rows = (Object.keys(before) as (keyof Holding)[]).map((name) => [name, `${before[name]}`, `${after[name]}`]);
  return {
    title: `${runs} runs in a row`,
    head: ["what the supervisor holds", "before", "after"],
    rows,
    note: `${(runs / seconds).toFixed(0)} runs a second, by ${CLIENTS} clients.`,
  };
}

const METHOD = `The ways take turns in ${ROUNDS} rounds, with a pause of ${PAUSE_MS} ms before each run; a run lasts from the call to the result, with everything of it
dead. The pandas program is that of the README. Throughput: ${CLIENTS} clients for ${THROUGHPUT_SECONDS} s, each with one run at a time,
${THROUGHPUT_ROUNDS} times, every way in turn; the median, and for two ways the median of what they are to each other in each turn.
The Docker daemon is one of the suite's own, with an image of this machine's packages.`;
