/** A warm cache: what a hit of the durable tier costs, beside a store of the same kind, and how often what many ask for is computed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { versionOf } from "../lib/machine.js";
import { measureInProcess } from "../lib/process.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Measurement } from "./measure.js";

const rounds = 3;
const entries = Number(process.env.BENCH_CACHE_ENTRIES ?? 100_000);
/** A peer's hits are slower: all of them would take minutes, and tell no more. */
const peerReads = Math.min(entries, 10_000);
const callers = 1000;
const goalPerSecond = 150_000;

const count = entries.toLocaleString("en");
const METHOD = `${count} entries of about 100 bytes of JSON under keys of 43 characters, written by one process; then each of them (of keyv's: ${peerReads.toLocaleString("en")}) read once,
in a shuffled order, by a fresh process, ${rounds} rounds in turns; medians. Ours is a TaskCache with a folder and no memory tier, so that every hit comes from the
folder's files; keyv ${versionOf("keyv")} has @keyv/sqlite ${versionOf("@keyv/sqlite")} and no memory of its own. Both give values and not bytes. Both are warm: what was read is in the system's
memory. CPU is that of the whole process, all threads. A peer is given the better of one at a time and 100 at once.`;

interface Way {
  readonly label: string;
  readonly contender: string;
  readonly atOnce: number;
}

const ways: readonly Way[] = [
  { label: "ours, one at a time", contender: "ours", atOnce: 1 },
  { label: "ours, 100 at once", contender: "ours", atOnce: 100 },
  { label: "keyv with SQLite, one at a time", contender: "keyv-sqlite", atOnce: 1 },
  { label: "keyv with SQLite, 100 at once", contender: "keyv-sqlite", atOnce: 100 },
];

export async function run({ log }: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "bench-cache-"));
  try {
    const hits = await measureHits(folder, log);
    const flights = await measureFlights(folder, log);
    return {
      order: 9,
      title: "Caching",
      method: METHOD,
      goals: [...hits.goals, ...flights],
      tables: [hits.table],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureHits(folder: string, log: (line: string) => void): Promise<{ goals: Goal[]; table: Table }> {
  for (const contender of new Set(ways.map((way) => way.contender))) {
    mkdirSync(join(folder, contender));
    await measure("fill", contender, folder);
  }
  const samples = new Map<Way, Measurement[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++)
    for (const way of ways) samples.get(way)!.push(await measure("hits", way.contender, folder, String(way.atOnce)));
  const rows: string[][] = [];
  const best = new Map<string, number>();
  for (const way of ways) {
    const wall = median(samples.get(way)!.map((sample) => sample.wall));
    const cpu = median(samples.get(way)!.map((sample) => sample.cpu));
    best.set(way.contender, Math.min(wall, best.get(way.contender) ?? Number.POSITIVE_INFINITY));
    rows.push([way.label, perSecond(wall), wall.toFixed(2), cpu.toFixed(2)]);
    log(rows.at(-1)!.join(", "));
  }
  const own = median(samples.get(ways[0]!)!.map((sample) => sample.wall));
  const times = best.get("keyv-sqlite")! / own;
  return {
    goals: [
      {
        what: `warm cache, ${count} hits from the durable tier, one at a time`,
        goal: `at least ${goalPerSecond.toLocaleString("en")} a second`,
        measured: perSecond(own),
        met: 1e6 / own >= goalPerSecond,
      },
      {
        what: "the same beside keyv with SQLite, at its better way",
        goal: "at least 3 times as fast",
        measured: `${times.toFixed(1)} times`,
        met: times >= 3,
      },
    ],
    table: {
      title: "A hit of the durable tier",
      head: ["cache", "hits a second", "us a hit", "us of CPU a hit"],
      rows,
    },
  };
}

async function measure(phase: string, contender: string, folder: string, atOnce = "1"): Promise<Measurement> {
  const args = [
    phase,
    contender,
    join(folder, contender),
    String(entries),
    atOnce,
    String(contender === "ours" ? entries : peerReads),
  ];
  const found = await measureInProcess<Measurement>("cache/measure.js", args, { timeoutSeconds: 300 });
  if ("failed" in found) throw new Error(`${phase}, ${contender}: ${found.failed}`);
  return found;
}

async function measureFlights(folder: string, log: (line: string) => void): Promise<Goal[]> {
  const goals: Goal[] = [];
  for (const processes of [1, 2]) {
    const directory = join(folder, `flight-${processes}`);
    const file = join(folder, `executions-${processes}`);
    const each = callers / processes;
    const script = (): Promise<{ right: number } | { failed: string }> =>
      measureInProcess("cache/single-flight.js", [directory, file, String(each)], { timeoutSeconds: 60 });
    for (const ended of await Promise.all(Array.from({ length: processes }, script)))
      if ("failed" in ended || ended.right !== each) throw new Error(`single flight: ${JSON.stringify(ended)}`);
    const executions = readFileSync(file, "utf8").trimEnd().split("\n").length;
    goals.push({
      what: `single-flight: ${callers.toLocaleString("en")} callers of one key in ${processes === 1 ? "one process" : "two processes"}`,
      goal: "1 execution",
      measured: String(executions),
      met: executions === 1,
    });
    log(`${goals.at(-1)!.what}: ${executions}`);
  }
  return goals;
}

function perSecond(microseconds: number): string {
  return Math.round(1e6 / microseconds).toLocaleString("en");
}
