/**
 * `npm run bench [-- suite...]`: runs the suites, one after the other, and writes RESULTS.md.
 * `--only name,name` measures only what these name, where the suite knows them (`--only ours,layered`), and writes nothing.
 */
import { existsSync, readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { thisMachine } from "./lib/machine.js";
import { saveReport, sectionOf, writeResults } from "./lib/report.js";
import type { SuiteModule } from "./suite.js";

const known = readdirSync(new URL(".", import.meta.url)).filter((name) =>
  existsSync(new URL(`./${name}/suite.js`, import.meta.url)),
);
const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
const only = values.only?.split(",") ?? [];
const wanted = positionals.length > 0 ? positionals : known;
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`No suite is called ${unknown.join(", ")}. There are: ${known.join(", ")}.`);
  process.exit(2);
}

const log = (line: string): void => console.error(`  ${line}`);
for (const suite of wanted) {
  console.error(`${suite}:`);
  try {
    await runSuite(suite);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
if (only.length === 0) writeResults();

async function runSuite(suite: string): Promise<void> {
  const startedAt = performance.now();
  const { run } = (await import(`./${suite}/suite.js`)) as SuiteModule;
  const result = await run({ log, only });
  const report = { suite, ...result, machine: thisMachine(), seconds: (performance.now() - startedAt) / 1000 };
  if (only.length === 0) saveReport(report);
  console.log(`\n${sectionOf(report)}\n`);
}
