import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { present } from "../support/require-component.js";
import { cli, withFolder } from "./cli.js";

/** Runs a piece of code, given as a file of this name. */
const exec = (name: string, code: string, ...flags: string[]) =>
  withFolder(async (cwd) => {
    writeFileSync(join(cwd, name), code);
    return cli(["exec", name, ...flags], { cwd });
  });

describe.runIf(present("linux", "bubblewrap", "util-linux", "python"))("exec", () => {
  test("what the code prints is printed", async () => {
    const { code, stdout, stderr } = await exec(
      "a.py",
      "import sys\nprint('out')\nprint('err', file=sys.stderr)\nresult = 3",
    );
    expect([code, stdout, stderr]).toEqual([0, "out\n", "err\n"]);
  });

  test("what it gives is printed where it prints nothing; inputs and arguments reach it", async () => {
    const { code, stdout } = await exec(
      "a.py",
      "import sys\nresult = [sum(inputs), sys.argv[1:]]",
      "-i",
      "[1, 2]",
      "--",
      "x",
      "-y",
    );
    expect([code, stdout]).toEqual([0, "[3, ['x', '-y']]\n"]);
  });

  test("the language is told by the suffix", async () => {
    const { stdout } = await exec("a.mjs", "console.log(typeof process.version)");
    expect(stdout).toBe("string\n");
  });

  test("code from standard input", async () => {
    const { code, stdout } = await cli(["exec", "-"], {
      during: (child) => child.stdin.end("print(6 * 7)"),
    });
    expect([code, stdout]).toEqual([0, "42\n"]);
  });

  test("standard input for the code", () =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, "a.py"), "print(input()[::-1])");
      const { stdout } = await cli(["exec", "a.py", "--stdin"], { cwd, during: (child) => child.stdin.end("abc\n") });
      expect(stdout).toBe("cba\n");
    }));

  test("code that fails: its traceback, the verdict, exit code 1", async () => {
    const { code, stderr } = await exec("a.py", "def f():\n    return 1 / 0\nf()");
    expect(code).toBe(1);
    expect(stderr.match(/Traceback/g)).toHaveLength(1);
    expect(stderr).toContain("ZeroDivisionError: division by zero");
    expect(stderr).toMatch(/^error: .*division by zero.* \(error, after /m);
  });

  test("a limit that is hit is named", async () => {
    const { code, stderr } = await exec("a.py", "while True: pass", "--time", "300ms");
    expect(code).toBe(1);
    expect(stderr).toMatch(/time limit .*\(timeout, after /);
  });

  test("--json gives the whole result, and artifacts are written where asked", () =>
    withFolder(async (cwd) => {
      mkdirSync(join(cwd, "code"));
      writeFileSync(join(cwd, "code/a.py"), "open('note.txt', 'w').write('hello')\nresult = {'a': 1}");
      const { code, stdout } = await cli(
        ["exec", "code/a.py", "--json", "--artifacts", "left", "--cpu", "0.5", "--memory", "256MB"],
        { cwd },
      );
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        success: true,
        verdict: "ok",
        value: { a: 1 },
        artifacts: [{ name: "note.txt", bytes: 5 }],
        enforcement: expect.arrayContaining([expect.objectContaining({ limit: "memoryLimit" })]),
      });
      expect(readFileSync(join(cwd, "left/note.txt"), "utf8")).toBe("hello");
    }));

  test("Ctrl-C ends it: exit code 130", () =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, "a.py"), "import time\nprint('running', flush=True)\ntime.sleep(60)");
      const { code } = await cli(["exec", "a.py"], {
        cwd,
        during: (child) => child.stdout.once("data", () => child.kill("SIGINT")),
      });
      expect(code).toBe(130);
    }));
});

describe("bad input of exec: exit code 2", () => {
  test.each<[string, string[], string]>([
    ["no such file", ["nowhere.py"], "error: nowhere.py cannot be read"],
    ["a suffix that tells no language", [import.meta.filename], "tells no language; name one with --language"],
    ["an unknown language", ["-", "-l", "pyton"], 'did you mean "python"?'],
    ["input that is no JSON", ["-", "-i", "{"], "error: --input takes JSON"],
    ["a limit out of range", ["-", "--memory", "1KB"], "memoryLimit: takes at least"],
    ["a limit without sense", ["-", "--time", "soon"], 'timeLimit: "soon" has no known unit'],
    ["a bad number of cores", ["-", "--cpu", "none"], "It takes a number above 0."],
    ["a package that is not there", ["-", "--allow", "no-such-package"], "no-such-package"],
    ["both code and input on standard input", ["-", "--stdin"], "standard input holds the code already"],
  ])("%s", async (_name, args, message) => {
    const { code, stderr } = await cli(["exec", ...args], { during: (child) => child.stdin.end("") });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

test("mcp answers a client, and ends with it", async () => {
  const hello = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
  };
  const { code, stdout } = await cli(["mcp", "--allow", "numpy"], {
    during: (child) => {
      child.stdin.write(`${JSON.stringify(hello)}\n`);
      child.stdout.once("data", () => child.stdin.end());
    },
  });
  expect(code).toBe(0);
  const answer = JSON.parse(stdout.split("\n")[0]!);
  expect(answer.result.serverInfo.name).toBe("orchestrator-executor");
  expect(answer.result.instructions).toContain("numpy");
});
