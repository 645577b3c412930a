import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cli, withFolder } from "./cli.js";

const cwd = fileURLToPath(new URL("pipelines/", import.meta.url));
const run = (...args: string[]) => cli(["run", ...args], { cwd });

describe("a run that succeeds", () => {
  test("plain lines where nobody watches, a table, outputs, exit code 0", async () => {
    const { code, stdout, stderr } = await run("good.yaml", "-i", "who=moon");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toMatch(/^▸ first on inline$/m);
    expect(stdout).toMatch(/^✓ first \d+ms$/m);
    expect(stdout).toMatch(/^↻ again attempt 1: not yet \(again in \d+ms\)$/m);
    expect(stdout).toMatch(/^✓ again \d+ms, attempt 2$/m);
    expect(stdout).toMatch(/^– never was skipped by its condition: not inputs.times > 5$/m);
    expect(stdout).toMatch(/^✓ again +succeeded, 2 attempts/m);
    expect(stdout).toMatch(/^✓ each +succeeded, 3 children/m);
    expect(stdout).not.toContain("a line from the task");
    expect(stdout).toContain("Outputs\n  text: hello moon\n  attempts: 2\n");
    expect(stdout).toMatch(/^good: 1 skipped, 7 succeeded in \d+/m);
  });

  test("--logs prints what tasks log", async () => {
    const { stdout } = await run("good.yaml", "--logs");
    expect(stdout).toContain("logs | a line from the task");
  });

  test("--quiet prints outputs alone", async () => {
    const { stdout } = await run("good.yaml", "--quiet");
    expect(stdout).toMatch(/^\nOutputs\n {2}text: hello world\n {2}attempts: 2\n\ngood: .*\n$/);
  });

  test("--json prints one document and nothing else, --output writes the same", () =>
    withFolder(async (folder) => {
      const file = join(folder, "deep/result.json");
      const { code, stdout, stderr } = await run("good.yaml", "--json", "--output", file, "--task-outputs");
      expect([code, stderr]).toEqual([0, ""]);
      const document = JSON.parse(stdout);
      expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(document);
      expect(document).toMatchObject({
        version: 1,
        name: "good",
        status: "succeeded",
        counts: { succeeded: 7, skipped: 1, failed: 0 },
        inputs: { who: "world", times: 2 },
        outputs: { text: "hello world", attempts: 2 },
      });
      expect(document.tasks.first).toMatchObject({
        status: "succeeded",
        attempts: 1,
        workerId: "inline",
        output: { text: "hello world" },
      });
      expect(document.tasks.never).toMatchObject({ status: "skipped", reason: { kind: "condition" } });
    }));

  test("colour where it is forced", async () => {
    const { stdout } = await cli(["run", "good.yaml"], { cwd, env: { FORCE_COLOR: "1" } });
    expect(stdout).toContain("\u001b[32m✓\u001b[39m first");
  });

  test("a failure that the file allows", async () => {
    const { code, stdout } = await run("allowed.yaml");
    expect(code).toBe(0);
    expect(stdout).toContain("✗ optional (allowed): the rows are not what they seem");
    expect(stdout).toContain("allowed: 1 failed (allowed) in");
  });

  test("inputs from a file, and -i wins", () =>
    withFolder(async (folder) => {
      const file = join(folder, "inputs.yaml");
      writeFileSync(file, "who: file\ntimes: 9\n");
      const { stdout } = await run("good.yaml", "--inputs", file, "-i", "who=flag", "--json");
      expect(JSON.parse(stdout)).toMatchObject({ inputs: { who: "flag", times: 9 }, counts: { succeeded: 8 } });
    }));
});

test("a run that fails tells what, why and where, and what was skipped for it: exit code 1", async () => {
  const { code, stdout } = await run("bad.yaml");
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /What went wrong\n {2}✗ broken: the rows are not what they seem\n {6}because: column 3 is missing\n {6}at .*tasks.mjs:\d+/,
  );
  expect(stdout).toContain("skipped because of broken: after, later");
  expect(stdout).toContain('rows: missing: task "later" was skipped');
  expect(stdout).toMatch(/^bad: 2 failed \(1 allowed\), 2 skipped, 1 succeeded in/m);
});

describe("bad input: exit code 2, and nothing runs", () => {
  test.each<[string, string[], string]>([
    ["no such file", ["nowhere.yaml"], "error: there is no such file\n  at nowhere.yaml"],
    ["an unknown input", ["good.yaml", "-i", "whoo=x"], 'error: input whoo: is unknown; did you mean "who"?'],
    ["a value of the wrong type", ["good.yaml", "-i", "times=x"], 'error: input times: takes a whole number, got "x"'],
    ["-i without a value", ["good.yaml", "-i", "times"], 'It takes name=value, such as "-i region=north".'],
    ["a bad number", ["good.yaml", "--max-workers", "0"], "It takes a whole number from 1."],
    ["a bad mode", ["good.yaml", "--mode", "fast"], "Allowed choices are parallel, sequential, sandboxed."],
    ["an unknown option", ["good.yaml", "--jsn"], "error: unknown option '--jsn'\n(Did you mean --json?)"],
    [
      "a mode that refuses the work",
      ["good.yaml", "--mode", "sandboxed"],
      'tasks.first.module: runs outside of a sandbox, which mode "sandboxed" refuses',
    ],
    [
      "inputs that cannot be read",
      ["good.yaml", "--inputs", "nowhere.json"],
      "error: --inputs nowhere.json cannot be read",
    ],
    [
      "an output that cannot be written",
      ["good.yaml", "--output", "tasks.mjs/x.json"],
      "error: --output tasks.mjs/x.json cannot be written",
    ],
  ])("%s", async (_name, args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).not.toMatch(/^\s+at .*\.js:/m);
  });

  test("an input that is required", async () => {
    const { code, stderr } = await run("waits.yaml");
    expect(code).toBe(2);
    expect(stderr).toBe("error: input marker: is required: give it with -i marker=...\n  at waits.yaml\n");
    expect(existsSync(join(cwd, "marker"))).toBe(false);
  });
});
