/** HumanEval in the sandbox, beside the bare way: a subprocess of Python for each problem, with no wall at all. */
import { spawn } from "node:child_process";
import { SandboxExecutor } from "#src/sandbox.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import { type Problem, readProblems } from "./problems.js";

const ROUNDS = 5;
const AT_ONCE = 2;
const TIME_LIMIT = 30;

interface Way {
  readonly name: string;
  readonly label: string;
  /** Whether the program ended well. */
  passes(program: string): Promise<boolean>;
}

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const problems = readProblems();
  if (problems === undefined) {
    log("skipped: no data (HumanEval is not there)");
    return { order: 6, title: "HumanEval", method: "Skipped: there is no data.", goals: [], tables: [] };
  }
  await using warm = new SandboxExecutor({ timeLimit: TIME_LIMIT });
  await using cold = new SandboxExecutor({ timeLimit: TIME_LIMIT, warm: false });
  const ways: Way[] = [
    { name: "bare", label: "bare subprocess of python3 (no isolation)", passes: runBare },
    { name: "warm", label: "sandbox, warm", passes: async (code: string) => (await warm.executeCode(code)).success },
    { name: "cold", label: "sandbox, cold", passes: async (code: string) => (await cold.executeCode(code)).success },
  ].filter(({ name }) => only.length === 0 || only.includes(name));
  // The first run of each way pays for what is done once: probes, the server that is forked from.
  for (const way of ways) await way.passes("pass");

  const seconds = new Map<string, number[]>();
  const passed = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      const startedAt = performance.now();
      const right = await count(problems, (problem) => way.passes(problem.right));
      const took = (performance.now() - startedAt) / 1000;
      seconds.set(way.name, [...(seconds.get(way.name) ?? []), took]);
      passed.set(way.name, Math.min(right, passed.get(way.name) ?? problems.length));
      log(`${way.name}: ${right} of ${problems.length} in ${took.toFixed(2)} s`);
    }
  }
  const failedWrong = new Map<string, number>();
  for (const way of ways)
    failedWrong.set(way.name, problems.length - (await count(problems, (problem) => way.passes(problem.wrong))));
  return present(problems.length, ways, seconds, passed, failedWrong);
}

/** How many of the problems pass, as many at once as the machine has cores. */
async function count(problems: readonly Problem[], passes: (problem: Problem) => Promise<boolean>): Promise<number> {
  let next = 0;
  let right = 0;
  const work = async () => {
    while (next < problems.length) if (await passes(problems[next++]!)) right++;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return right;
}

function runBare(program: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn("/usr/bin/python3", ["-c", program], { stdio: "ignore", timeout: TIME_LIMIT * 1000 });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0));
  });
}

function present(
  total: number,
  ways: readonly Way[],
  seconds: ReadonlyMap<string, readonly number[]>,
  passed: ReadonlyMap<string, number>,
  failedWrong: ReadonlyMap<string, number>,
): SuiteResult {
  const time = (name: string) => median(seconds.get(name)!);
  const goals = ways
    .filter(({ name }) => name === "warm")
    .flatMap(({ name, label }) => {
      const [right, wrong] = [passed.get(name)!, failedWrong.get(name)!];
      const ratio = seconds.has("bare") ? time(name) / time("bare") : Number.NaN;
      return [
        {
          what: `canonical solutions that pass, ${label}`,
          goal: `${total} of ${total}`,
          measured: `${right}`,
          met: right === total,
        },
        {
          what: `wrong bodies that fail, ${label}`,
          goal: `${total} of ${total}`,
          measured: `${wrong}`,
          met: wrong === total,
        },
        {
          what: `total time, ${label}`,
          goal: "at most 3 times the bare way",
          measured: `${ratio.toFixed(2)} times`,
          met: ratio <= 3,
        },
      ];
    });
  const rows = ways.map(({ name, label }) => [
    label,
    `${passed.get(name)} of ${total}`,
    `${failedWrong.get(name)} of ${total}`,
    time(name).toFixed(2),
    ((time(name) / total) * 1000).toFixed(1),
  ]);
  const head = ["", "right ones pass", "wrong ones fail", "seconds in all", "ms a problem"];
  return { order: 6, title: "HumanEval", method: METHOD, goals, tables: [{ title: `${total} problems`, head, rows }] };
}

const METHOD = `Each of the problems' canonical solutions with its test, ${AT_ONCE} at once, the ways taking turns in ${ROUNDS} rounds; medians are given. The bare
way is a subprocess of \`/usr/bin/python3\` for each problem. Wrong ones have \`return None\` for a body.`;
