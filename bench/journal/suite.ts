/** Durable runs: what a journal costs, how soon a run is gone on with, and the same beside engines that keep their steps in a server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { versionOf } from "../lib/machine.js";
import { measureInProcess } from "../lib/process.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Measurement } from "./measure.js";
import { startPostgres, startRedis } from "./servers.js";
import type { ShapeName } from "./shapes.js";

const rounds = 5;
const many = Number(process.env.BENCH_JOURNAL_TASKS ?? 100_000);
const steps = Number(process.env.BENCH_JOURNAL_STEPS ?? 4000);
/** Jobs are quicker than steps in Postgres, and few would measure the start of the process. */
const jobs = 5 * steps;

export async function run({ log }: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "bench-journal-"));
  try {
    const cost = await measureCost(folder, log);
    const resumed = await measureResume(folder, log);
    const peers = await measurePeers(folder, log);
    return {
      order: 8,
      title: "Durable runs",
      method: METHOD,
      goals: [...cost.goals, ...resumed.goals, ...peers.goals],
      tables: [cost.table, ...peers.tables],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const METHOD = `Tasks that do nothing, at most 20 at once, each measurement in a process of its own, in turns; medians of ${rounds} rounds. "process-crash": each
end is written before anything starts on its ground, so the death of the process loses none; "power-loss": it is also flushed to the disk.
DBOS keeps the steps of one workflow in a Postgres server, BullMQ a flow of jobs in a Redis server, each of the bench's own on this
machine; like is set beside like: a Postgres that does not flush beside "process-crash", one that does beside "power-loss". A chain is one step after the other;
"fan-in" is many steps at once and one that waits for all (steps of DBOS begin in waves of 20, as they have to begin in the same order each
time). CPU is that of the process alone, without the peers' servers. Resuming: the journal holds all tasks of the layered graph, the graph has
one more, and the clock runs from the call of \`run\` in a fresh process to the start of that one.`;

interface Part {
  readonly goals: readonly Goal[];
}

let places = 0;

/** One measurement; in a folder of its own where it journals. */
async function measure(what: string, shape: ShapeName, size: number, place: string): Promise<Measurement> {
  const own = what === "none" || what === "process-crash" || what === "power-loss";
  const args = [what, shape, String(size), own ? join(place, String(places++)) : place];
  const found = await measureInProcess<Measurement>("journal/measure.js", args, { timeoutSeconds: 300 });
  if ("failed" in found) throw new Error(`${what}, ${shape}, ${size}: ${found.failed}`);
  return found;
}

async function measureCost(folder: string, log: (line: string) => void): Promise<Part & { readonly table: Table }> {
  const shapes = ["layered", "chain", "fan-in"] as const;
  const ways = ["none", "process-crash", "power-loss"] as const;
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const shape of shapes) {
    const samples = new Map<string, Measurement[]>(ways.map((way) => [way, []]));
    for (let round = 0; round < rounds; round++)
      for (const way of ways) {
        // A flush for each of a hundred thousand is minutes, and tells no more than that for a few.
        if (way === "power-loss" && (round >= 2 || shape === "chain")) continue;
        samples.get(way)!.push(await measure(way, shape, many, folder));
      }
    const wall = (way: string): number => median(samples.get(way)!.map((sample) => sample.wall));
    for (const way of ways) {
      if (samples.get(way)!.length === 0) continue;
      const cpu = median(samples.get(way)!.map((sample) => sample.cpu));
      const times = wall(way) / wall("none");
      rows.push([shape, way, wall(way).toFixed(2), cpu.toFixed(2), times.toFixed(2)]);
      log(rows.at(-1)!.join(", "));
    }
    const times = wall("process-crash") / wall("none");
    if (shape === "layered")
      goals.push({
        what: `journal on ("process-crash"), ${many.toLocaleString("en")} no-op tasks, beside none`,
        goal: "at most 2.5 times the time",
        measured: `${times.toFixed(2)} times`,
        met: times <= 2.5,
      });
  }
  return {
    goals,
    table: {
      title: `${many.toLocaleString("en")} tasks with and without a journal`,
      head: ["shape", "journal", "us a task", "us of CPU a task", "times none"],
      rows,
      note: "A chain is the worst case: one write for each task, as nothing else ends meanwhile.",
    },
  };
}

async function measureResume(folder: string, log: (line: string) => void): Promise<Part> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const place = join(folder, `resume-${round}`);
    const prepared = ["process-crash", "layered", String(many), place];
    const first = await measureInProcess<Measurement>("journal/measure.js", prepared, { timeoutSeconds: 300 });
    if ("failed" in first) throw new Error(first.failed);
    const { firstStart } = await measure("resume", "layered", many, place);
    times.push(firstStart);
    log(`resume: ${firstStart.toFixed(0)} ms to the first new task`);
    rmSync(place, { recursive: true, force: true });
  }
  const middle = median(times);
  return {
    goals: [
      {
        what: `a run with ${many.toLocaleString("en")} done tasks is resumed: time to the first new task`,
        goal: "under 1 s",
        measured: `${(middle / 1000).toFixed(2)} s`,
        met: middle < 1000,
      },
    ],
  };
}

async function measurePeers(folder: string, log: (line: string) => void): Promise<Part & { readonly tables: Table[] }> {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  const compare = async (
    shape: ShapeName,
    way: string,
    peer: string,
    label: string,
    place: string,
    goal: number | undefined,
    count = steps,
  ): Promise<void> => {
    const own: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < 3; round++) {
      own.push((await measure(way, shape, count, folder)).wall);
      theirs.push((await measure(peer, shape, count, place)).wall);
    }
    const times = median(theirs) / median(own);
    rows.push([shape, way, median(own).toFixed(1), label, median(theirs).toFixed(0), times.toFixed(1)]);
    log(rows.at(-1)!.join(", "));
    if (goal !== undefined)
      goals.push({
        what: `a step beside ${label}, ${shape}`,
        goal: `at least ${goal} times as fast`,
        measured: `${times.toFixed(1)} times`,
        met: times >= goal,
      });
  };
  for (const flush of [false, true]) {
    const postgres = await startPostgres(flush);
    if (postgres === undefined) {
      log("skipped: no Postgres; install the Debian package postgresql");
      break;
    }
    try {
      const label = `DBOS ${versionOf("@dbos-inc/dbos-sdk")}, Postgres ${flush ? "flushes" : "does not flush"}`;
      const way = flush ? "power-loss" : "process-crash";
      // Where each step waits for a flush of the disk, nobody can be much faster than the disk: told, and no goal.
      await compare("chain", way, "dbos", label, postgres.address, flush ? undefined : 5);
      await compare("fan-in", way, "dbos", label, postgres.address, 5);
    } finally {
      await postgres.stop();
    }
  }
  const redis = await startRedis();
  if (redis === undefined) log("skipped: no redis-server; install the Debian package redis-server");
  else {
    try {
      await compare(
        "fan-in",
        "process-crash",
        "bullmq",
        `BullMQ ${versionOf("bullmq")} flows`,
        redis.address,
        10,
        jobs,
      );
    } finally {
      await redis.stop();
    }
  }
  const table: Table = {
    title: `${steps.toLocaleString("en")} steps, or ${jobs.toLocaleString("en")} jobs, beside durable engines`,
    head: ["shape", "journal", "us a task", "peer", "us a step", "times"],
    rows,
  };
  return { goals, tables: rows.length === 0 ? [] : [table] };
}
