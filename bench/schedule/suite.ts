/** Quality of schedules: recorded scientific workflows on the simulated clock, beside the bound that no schedule can beat. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { simulate } from "#src/core/simulate.js";
import { type RecordedGraph, readWfFormat } from "#src/pipeline/wfformat.js";
import type { Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import { firstInMakespan } from "./first-in.js";

const WORKERS = [2, 4, 8, 16, 32, 64];

interface Sample {
  readonly workers: number;
  /** Makespan beside the bound, 1 or more. */
  readonly ours: number;
  readonly firstIn: number;
}

export async function run({ log }: SuiteOptions): Promise<SuiteResult> {
  const shell = { order: 3, title: "Quality of schedules" };
  const workflows = readWorkflows();
  if (workflows.length === 0) {
    log("skipped: no data; set ORCHESTRATOR_DATA to a folder that has wfinstances");
    return { ...shell, method: "Skipped: no data.", goals: [], tables: [] };
  }
  const rows: string[][] = [];
  const all: Sample[] = [];
  for (const { file, graph } of workflows) {
    const samples = WORKERS.map((workers): Sample => {
      const { makespan, lowerBound } = simulate(graph.tasks, { workers });
      return { workers, ours: makespan / lowerBound, firstIn: firstInMakespan(graph, workers) / lowerBound };
    });
    all.push(...samples);
    const cells = samples.map(({ ours, firstIn }) => `${ours.toFixed(3)} (${firstIn.toFixed(3)})`);
    rows.push([file.replace(".json", ""), String(graph.tasks.length), ...cells]);
    log(`${file}: ${cells.join(", ")}`);
  }
  const medians = WORKERS.map((workers) => {
    const samples = all.filter((sample) => sample.workers === workers);
    const ours = median(samples.map((sample) => sample.ours));
    return { ours, text: `${ours.toFixed(3)} (${median(samples.map((sample) => sample.firstIn)).toFixed(3)})` };
  });
  rows.push(["median", "", ...medians.map(({ text }) => text)]);
  const worst = Math.max(...medians.map(({ ours }) => ours));
  // Sums of the same durations in another order differ in their last digits.
  const worse = all.filter(({ ours, firstIn }) => ours > firstIn * (1 + 1e-9));
  const table: Table = {
    title: "Makespan beside max(critical path, work / workers); first-in order in parentheses",
    head: ["workflow", "tasks", ...WORKERS.map((workers) => `${workers} workers`)],
    rows,
  };
  return {
    ...shell,
    method:
      "Recorded executions of WfCommons (WfFormat 1.5): each task lasts as long as it was recorded to, on the package's own scheduler with a simulated clock. First-in order is a scheduler of its own: a free worker takes the task that has been ready for longest.",
    goals: [
      {
        what: "makespan beside the bound, median over files, at the worst number of workers",
        goal: "at most 1.05",
        measured: worst.toFixed(3),
        met: worst <= 1.05,
      },
      {
        what: "makespan beside first-in order",
        goal: "never longer",
        measured: `longer in ${worse.length} of ${all.length}`,
        met: worse.length === 0,
      },
    ],
    tables: [table],
  };
}

function readWorkflows(): { readonly file: string; readonly graph: RecordedGraph }[] {
  const beside = fileURLToPath(new URL("../../../../shared/data", import.meta.url));
  const folder = `${process.env.ORCHESTRATOR_DATA ?? beside}/wfinstances`;
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(".json"))
      .map((file) => ({ file, graph: readWfFormat(JSON.parse(readFileSync(`${folder}/${file}`, "utf8"))) }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
