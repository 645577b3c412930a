/** Programs that a model's code is judged by: the right ones pass in the sandbox and the wrong ones fail. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { SandboxExecutor } from "#src/sandbox.js";

const problems = readProblems();
if (problems.length === 0) console.warn("skipped: no data (HumanEval is not there)");

function readProblems(): Record<string, string>[] {
  try {
    const packed = readFileSync(new URL("../../../shared/data/humaneval/HumanEval.jsonl.gz", import.meta.url));
    return gunzipSync(packed)
      .toString("utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

const executor = new SandboxExecutor({ timeLimit: 60 });
afterAll(() => executor.close());

/** Ids of the problems whose program, with `body` for its solution, does not end with the verdict. */
async function notEndingWith(verdict: string, body: (problem: Record<string, string>) => string): Promise<string[]> {
  const others: string[] = [];
  const left = [...problems];
  const work = async () => {
    for (let problem = left.pop(); problem !== undefined; problem = left.pop()) {
      const code = `${problem.prompt}${body(problem)}\n${problem.test}\ncheck(${problem.entry_point})`;
      const result = await executor.executeCode(code);
      if (result.verdict !== verdict)
        others.push(`${problem.task_id}: ${result.verdict} ${result.error?.message ?? ""}`);
    }
  };
  await Promise.all([work(), work()]);
  return others;
}

describe.skipIf(problems.length === 0)("HumanEval", () => {
  test("has 164 problems, and every canonical solution passes", { timeout: 300_000 }, async () => {
    expect(problems).toHaveLength(164);
    expect(await notEndingWith("ok", (problem) => problem.canonical_solution!)).toEqual([]);
  });

  test("no wrong body passes", { timeout: 300_000 }, async () => {
    expect(await notEndingWith("error", () => "    return None\n")).toEqual([]);
  });
});
