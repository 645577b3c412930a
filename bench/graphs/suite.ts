/** Graphs of async no-op tasks: what an executor costs by itself, beside a bare loop and beside what people use today. */

import { versionOf } from "../lib/machine.js";
import { measureInProcess } from "../lib/process.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Measurement } from "./measure.js";
import { type ShapeName, shapeNames } from "./shape.js";

interface Entry {
  readonly contender: string;
  readonly label: string;
  /** How often to measure at a size; 0 leaves it out. */
  rounds(shape: ShapeName, size: number): number;
}

const SIZES = [10_000, 100_000, 1_000_000];
const TIMEOUT_SECONDS = 150;

function peer(packageName: string, contender: string, how: string, rounds: Entry["rounds"]): Entry {
  return { contender, label: `${packageName} ${versionOf(packageName)}${how}`, rounds };
}

/** The slow ones are measured once at a million tasks. */
const slow: Entry["rounds"] = (shape, size) => (size < 1_000_000 || shape === "layered" ? (size > 100_000 ? 1 : 3) : 0);

const entries: readonly Entry[] = [
  { contender: "bare-loop", label: "bare Kahn loop, typed arrays, integer ids (the limit)", rounds: () => 5 },
  { contender: "ours", label: "orchestrator-executor", rounds: () => 5 },
  {
    contender: "map-of-objects",
    label: "Kahn loop, Map of objects, string ids",
    rounds: (_, size) => (size > 100_000 ? 2 : 3),
  },
  { contender: "promises", label: "promises alone, no limit on concurrency", rounds: slow },
  peer("fastq", "fastq", " + promises", slow),
  peer("p-limit", "p-limit", " + promises", slow),
  peer("async", "async-queue", " (queue) + promises", slow),
  peer("p-queue", "p-queue", " + promises", (shape, size) => (size < 1_000_000 ? 3 : shape === "layered" ? 3 : 1)),
  peer("p-graph", "p-graph", "", (shape, size) => (shape === "independent" && size > 10_000 ? 0 : slow(shape, size))),
  peer("@rushstack/operation-graph", "operation-graph", "", (shape, size) =>
    size > 100_000 || (shape === "chain" && size > 10_000) || (shape === "independent" && size > 10_000) ? 0 : 1,
  ),
];

type Samples = Map<string, (Measurement | { readonly failed: string })[]>;

/** `--only` takes names of contenders, shapes and sizes: `--only ours,bare-loop,layered,1000000`. */
export async function run(options: SuiteOptions): Promise<SuiteResult> {
  const among = <T>(values: readonly T[], nameOf: (value: T) => string): readonly T[] => {
    const some = values.filter((value) => options.only.includes(nameOf(value)));
    return some.length > 0 ? some : values;
  };
  const contenders = among(entries, (entry) => entry.contender);
  const tables: Table[] = [];
  const samplesBy = new Map<string, Samples>();
  for (const shape of among(shapeNames, String)) {
    for (const size of among(SIZES, String)) {
      const samples = await measureAll(contenders, shape, size, options.log);
      samplesBy.set(`${shape} ${size}`, samples);
      tables.push(tableFor(shape, size, samples));
    }
  }
  return {
    order: 1,
    title: "Graphs of async no-op tasks",
    method: METHOD,
    goals: goalsOf(samplesBy),
    tables,
  };
}

const METHOD = `Concurrency 20. Every measurement has a process of its own; contenders take turns in rounds, and medians are given.
The tasks (\`{ id, run, dependsOn }\` with string ids) are made before the clock starts; each contender's own preparation and its
run count, and its results and two timestamps a task are kept. Peers keep them in arrays by index, the cheapest way. The bare loop
is the limit: it is given integers, keeps no timestamps and can do nothing else. Afterwards, off the clock, every result and the
order of all starts are checked. "Layered" is 100 layers in which each task depends on 2 to 3 random tasks of the layer before;
"tree" is a binary tree from its root out. Peak memory is that of the whole process, Node and the input (given beside it) included.`;

async function measureAll(
  contenders: readonly Entry[],
  shape: ShapeName,
  size: number,
  log: SuiteOptions["log"],
): Promise<Samples> {
  const samples: Samples = new Map();
  const most = Math.max(...contenders.map((entry) => entry.rounds(shape, size)));
  for (let round = 0; round < most; round++) {
    for (const { contender, rounds } of contenders) {
      if (round >= rounds(shape, size)) continue;
      const args = [contender, shape, String(size)];
      const sample = await measureInProcess<Measurement>("graphs/measure.js", args, {
        timeoutSeconds: TIMEOUT_SECONDS,
      });
      const list = samples.get(contender) ?? [];
      samples.set(contender, [...list, sample]);
      log(`${shape} ${size} ${contender}: ${"failed" in sample ? sample.failed : `${micros(sample.wall)} us a task`}`);
    }
  }
  return samples;
}

interface Medians {
  readonly wall: number;
  readonly cpu: number;
  readonly peakBytes: number;
  readonly inputBytes: number;
  readonly count: number;
}

function mediansOf(samples: Samples | undefined, contender: string): Medians | undefined {
  const good = (samples?.get(contender) ?? []).filter((sample): sample is Measurement => "wall" in sample);
  if (good.length === 0) return undefined;
  const of = (pick: (sample: Measurement) => number) => median(good.map(pick));
  return {
    wall: of((sample) => sample.wall),
    cpu: of((sample) => sample.cpu),
    peakBytes: of((sample) => sample.peakBytes),
    inputBytes: of((sample) => sample.inputBytes),
    count: good.length,
  };
}

function tableFor(shape: ShapeName, size: number, samples: Samples): Table {
  const ours = mediansOf(samples, "ours");
  const rows: string[][] = [];
  for (const { contender, label } of entries) {
    const figures = mediansOf(samples, contender);
    if (figures) {
      const ratio = ours ? `${(figures.wall / ours.wall).toFixed(2)}` : "-";
      const memory = `${megabytes(figures.peakBytes)} (${megabytes(figures.inputBytes)})`;
      rows.push([label, micros(figures.wall), micros(figures.cpu), ratio, memory, String(figures.count)]);
    } else {
      const failure = samples.get(contender)?.find((sample) => "failed" in sample);
      if (failure && "failed" in failure) rows.push([label, failure.failed, "-", "-", "-", "-"]);
    }
  }
  return {
    title: `${shape}, ${size.toLocaleString("en")} tasks`,
    head: ["", "us a task", "us of CPU a task", "times ours", "peak MB (before the start)", "rounds"],
    rows,
  };
}

function goalsOf(samplesBy: ReadonlyMap<string, Samples>): Goal[] {
  const goals: Goal[] = [];
  const at = (shape: ShapeName, size: number, contender = "ours") =>
    mediansOf(samplesBy.get(`${shape} ${size}`), contender);
  const ours = at("layered", 1_000_000);
  if (!ours) return goals;
  const atLeast = (contender: string, label: string, factor: number) => {
    const figures = at("layered", 1_000_000, contender);
    if (!figures) return;
    const ratio = figures.wall / ours.wall;
    goals.push({
      what: `layered 1,000,000: faster than ${label}`,
      goal: `at least ${factor} times`,
      measured: `${ratio.toFixed(1)} times (CPU: ${(figures.cpu / ours.cpu).toFixed(1)})`,
      met: ratio >= factor,
    });
  };
  atLeast("p-queue", "p-queue", 8);
  atLeast("p-graph", "p-graph", 15);
  const bare = at("layered", 1_000_000, "bare-loop");
  if (bare) {
    const ratio = ours.wall / bare.wall;
    const met = ratio <= 6;
    goals.push({
      what: "layered 1,000,000: beside the bare Kahn loop",
      goal: "within 6 times (aim: 4)",
      measured: `${ratio.toFixed(1)} times (CPU: ${(ours.cpu / bare.cpu).toFixed(1)})`,
      met,
    });
  }
  goals.push({
    what: "layered 1,000,000: peak memory",
    goal: "under 450 MB",
    measured: `${megabytes(ours.peakBytes)} MB`,
    met: ours.peakBytes < 450e6,
  });
  for (const shape of shapeNames) {
    const small = at(shape, 10_000);
    const large = at(shape, 1_000_000);
    if (!small || !large) continue;
    const ratio = large.wall / small.wall;
    goals.push({
      what: `${shape}: cost a task at 1,000,000 beside 10,000`,
      goal: "at most 1.5 times",
      measured: `${ratio.toFixed(2)} times`,
      met: ratio <= 1.5,
    });
  }
  return goals;
}

function micros(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

function megabytes(bytes: number): string {
  return String(Math.round(bytes / 1e6));
}
