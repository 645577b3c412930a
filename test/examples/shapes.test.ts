/** The pipelines of examples/shapes, run by the built command line. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, examples } from "../cli/cli.js";

const folder = join(examples, "shapes");

/** Runs one and gives its exit code and its result as JSON. */
async function run(name: string, ...args: string[]) {
  const { code, stdout, stderr } = await cli([
    "run",
    join(folder, `${name}.yaml`),
    "--json",
    "--task-outputs",
    ...args,
  ]);
  if (stdout === "") throw new Error(stderr);
  return { code, ...JSON.parse(stdout) };
}

test("every pipeline file of examples/ is valid", async () => {
  const files = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".yaml"));
  expect(files.length).toBeGreaterThan(5);
  const { code, stderr } = await cli(["validate", ...files.map((file) => join(examples, file))]);
  expect([code, stderr]).toEqual([0, ""]);
});

describe("examples/shapes", () => {
  test("fan-out and fan-in, on three runners", async () => {
    const { code, outputs, tasks } = await run("fan-out-fan-in");
    expect(code).toBe(0);
    expect(outputs.summary).toBe("in 123 months AAPL grew most, 8.6 times; its highest price was 223.02");
    expect(tasks.highest.workerId).toMatch(/^thread-/);
    expect(tasks.growth.workerId).toMatch(/^process-/);
    for (const id of ["highest", "growth", "months"]) expect(tasks[id].startedAt >= tasks.load.endedAt).toBe(true);
  });

  test.each([
    [[], "quick look succeeded, full report skipped"],
    [["-i", "mode=full"], "quick look skipped, full report succeeded"],
    [["-i", "mode=full", "-i", "least=1000"], "quick look skipped, full report skipped"],
  ])("conditions %j", async (args, done) => {
    const { code, outputs, tasks } = await run("conditions", ...args);
    expect([code, outputs.done]).toEqual([0, done]);
    expect(tasks["too-little"].status).toBe(args.length === 4 ? "succeeded" : "skipped");
  });

  test("a bounded loop", async () => {
    const { code, outputs } = await run("bounded-loop", "-i", "of=9");
    expect(code).toBe(0);
    expect(outputs.root).toBeCloseTo(3, 9);
    const never = await run("bounded-loop", "-i", "of=-1");
    expect(never.code).toBe(1);
    expect(never.tasks.root.reason).toEqual({ kind: "loop-limit", iterations: 20 });
  });

  test("for each, two at once", async () => {
    const { code, outputs, tasks } = await run("for-each");
    expect(code).toBe(0);
    expect(outputs.rain.map(({ year }: { year: string }) => year)).toEqual(["2012", "2013", "2014", "2015"]);
    expect(outputs.wettest).toBe("2014");
    const spans = [0, 1, 2, 3].map((index) => tasks[`rain[${index}]`]);
    const together = spans.map(
      (span) => spans.filter((other) => other.startedAt <= span.startedAt && other.endedAt > span.startedAt).length,
    );
    expect(Math.max(...together)).toBeLessThanOrEqual(2);
  });

  test("failure and recovery", async () => {
    const { code, outputs, tasks } = await run("recovery");
    expect(code).toBe(0);
    expect(outputs.euros).toBe(92.59);
    expect(tasks.fetch).toMatchObject({ status: "failed", attempts: 2, reason: { kind: "exit-code", exitCode: 7 } });
    expect(tasks["fetch:on-failure"].output).toBe("alert: failed after 2 attempts");
  });

  test("a process that is killed", async () => {
    const { code, outputs, tasks } = await run("process-killed");
    expect(code).toBe(0);
    expect(outputs).toEqual({ fragile: "alive at attempt 2", attempts: 2 });
    expect([tasks.beside.attempts, tasks.thread.attempts]).toEqual([1, 1]);
  });
});
