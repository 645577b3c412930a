/** What people use works inside, every time: a wall that stops good programs is taken down by its owner. */
import { afterAll, describe, expect, test } from "vitest";
import { SandboxManager } from "#src/sandbox.js";
import { type GoodProgram, goodPrograms } from "./false-alarm-programs.js";

const runs = 1000;
const atOnce = 3;
const manager = new SandboxManager();
afterAll(() => manager.close());

async function problemOf(program: GoodProgram, warm: boolean): Promise<string | undefined> {
  const config = {
    timeLimit: 120,
    memoryLimit: "1GB",
    cpuQuota: 200_000,
    allowedPackages: program.packages ?? [],
    warm,
  };
  const result = await manager.executeCode(program.code, { language: program.language }, config);
  if (result.success && result.stdout.trimEnd().endsWith("right")) return undefined;
  const said = `${result.error?.traceback ?? result.error?.message ?? ""} ${result.stdout.slice(-200)} ${result.stderr.slice(-1000)}`;
  return `${program.name} (${warm ? "warm" : "cold"}): ${result.verdict}, exit ${result.exitCode} ${result.signal ?? ""}: ${said}`;
}

describe("programs of good faith", () => {
  test.each(goodPrograms)("$language: $name, cold", { timeout: 120_000 }, async (program) => {
    expect(await problemOf(program, false)).toBeUndefined();
  });

  test(`${runs} runs, spread over all of them, end without one false alarm`, { timeout: 1_200_000 }, async () => {
    const problems: string[] = [];
    let next = 0;
    const work = async () => {
      for (let index = next++; index < runs; index = next++) {
        const problem = await problemOf(goodPrograms[index % goodPrograms.length]!, true);
        if (problem !== undefined) problems.push(`run ${index}: ${problem}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    expect(problems).toEqual([]);
  });
});
