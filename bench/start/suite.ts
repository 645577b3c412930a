/** How long a program waits for its imports. */
import { versionOf } from "../lib/machine.js";
import { measureInProcess } from "../lib/process.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import { contenders } from "./contenders.js";
import type { Measurement } from "./measure.js";

const rounds = 15;
const mostMs = 60;

const method = `A fresh process for each, ${rounds} interleaved rounds after one that is not counted, so that the files are in the page
cache; until \`import()\` has ended. CPU is user and system time of all threads. Node.js has no cache of compiled code here.`;

/** `--only` takes names of contenders. */
export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const some = contenders.filter(({ name }) => only.includes(name));
  const entries = some.length > 0 ? some : contenders;
  const samples = new Map<string, Measurement[]>(entries.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name } of entries) {
      const sample = await measureInProcess<Measurement>("start/measure.js", [name], { timeoutSeconds: 60 });
      if ("failed" in sample) throw new Error(`${name}: ${sample.failed}`);
      if (round > 0) samples.get(name)!.push(sample);
    }
    log(`round ${round} of ${rounds}`);
  }
  const milliseconds = (name: string, of: keyof Measurement) => median(samples.get(name)!.map((sample) => sample[of]));
  const rows = entries.map((entry) => {
    const label = "package" in entry ? `${entry.label} ${versionOf(entry.package)}` : entry.label;
    return [label, milliseconds(entry.name, "wall").toFixed(0), milliseconds(entry.name, "cpu").toFixed(0)];
  });
  const goals = entries
    .filter(({ name }) => name === "parallel")
    .map(({ name }) => ({
      what: "importing ParallelExecutor, cold",
      goal: `under ${mostMs} ms`,
      measured: `${milliseconds(name, "wall").toFixed(0)} ms`,
      met: milliseconds(name, "wall") < mostMs,
    }));
  return {
    order: 8,
    title: "Start",
    method,
    goals,
    tables: [{ title: "Cold import", head: ["", "ms", "ms of CPU"], rows }],
  };
}
