/** What callers get of code in each language: results, values, files, streams, packages. */
import { afterAll, describe, expect, test } from "vitest";
import type { ExecuteCodeOptions } from "#src/model/sandbox.js";
import { type BackendUnderTest, executorOf } from "./backend-under-test.js";

export function describeLanguages(backend: BackendUnderTest, warm: boolean): void {
  const { slowness, packages } = backend;
  const executor = executorOf(backend, { timeLimit: 20 * slowness, warm });
  const withPackages = executorOf(backend, { timeLimit: 60 * slowness, warm, allowedPackages: packages });
  afterAll(() => Promise.all([executor.close(), withPackages.close()]));

  const python = (code: string, options: ExecuteCodeOptions = {}) =>
    executor.executeCode(code, { ...options, language: "python" });
  const javascript = (code: string, options: ExecuteCodeOptions = {}) =>
    executor.executeCode(code, { ...options, language: "javascript" });
  const bash = (code: string, options: ExecuteCodeOptions = {}) =>
    executor.executeCode(code, { ...options, language: "bash" });

  describe("Python", () => {
    test.each<[string, unknown, string]>([
      ["1 + 1", 2, "2"],
      ["result = {'a': [1, 2.5, None, True]}", { a: [1, 2.5, null, true] }, "{'a': [1, 2.5, None, True]}"],
      ["x = 'text'\nx", "text", "'text'"],
      ["(1, {2, 2}, range(3))", [1, [2], [0, 1, 2]], "(1, {2}, range(0, 3))"],
      ["{1: float('nan'), 'b': float('inf')}", { 1: null, b: null }, "{1: nan, 'b': inf}"],
      ["2**60", "1152921504606846976", "1152921504606846976"],
      ["b'ab'", { base64: "YWI=" }, "b'ab'"],
      [
        "import datetime, decimal\n[datetime.date(2024, 2, 29), decimal.Decimal('1.10')]",
        ["2024-02-29", "1.10"],
        "[datetime.date(2024, 2, 29), Decimal('1.10')]",
      ],
      ["import dataclasses\n@dataclasses.dataclass\nclass P:\n  x: int\nP(3)", { x: 3 }, "P(x=3)"],
      ["import enum\nclass C(enum.IntEnum):\n  A = 1\nC.A", 1, "<C.A: 1>"],
      ["'\\ud800'", "\ud800", "'\\ud800'"],
      ["result = 1\n2", 1, "1"],
      ["def result(): pass\n5", 5, "5"],
    ])("gives %j", async (code, value, output) => {
      const run = await python(code);
      expect(run.error?.message).toBeUndefined();
      expect(run.value).toEqual(value);
      expect(run.output).toBe(output);
    });

    test("prefers what was printed", async () => {
      const run = await python("print('seen')\n42");
      expect(run.output).toBe("seen\n");
      expect(run.value).toBe(42);
    });

    test("says why a result is no value", async () => {
      const results = await Promise.all([
        python("object()"),
        python("d = []\nfor _ in range(150): d = [d]\nd"),
        python("'x' * 5_000_000"),
        python("class Bad:\n  def __repr__(self): raise ValueError()\nBad()"),
        python("a = []\na.append(a)\na"),
      ]);
      expect(results.map(({ success, value }) => [success, value])).toEqual(results.map(() => [true, undefined]));
      expect(results.map((run) => run.valueOmitted)).toEqual([
        "it is no data but of type object",
        "it is nested deeper than 100 levels",
        "it is larger than the limit of 4194304 bytes",
        "it is no data but of type Bad",
        "it is nested deeper than 100 levels",
      ]);
    });

    test("tells an exception with the caller's lines", async () => {
      const run = await python("def f():\n    return 1 / 0\n\nf()\n");
      expect(run).toMatchObject({ success: false, verdict: "error", exitCode: 1 });
      expect(run.value).toBeUndefined();
      expect(run.error).toMatchObject({
        type: "ZeroDivisionError",
        message: "division by zero",
        line: 2,
        code: "CODE_FAILED",
      });
      expect(String(run.error)).toBe("ZeroDivisionError: division by zero");
      expect(run.error?.traceback?.replace(/^ +[~^]+\n/gm, "")).toBe(
        'Traceback (most recent call last):\n  File "/work/main.py", line 4, in <module>\n    f()\n  File "/work/main.py", line 2, in f\n    return 1 / 0\nZeroDivisionError: division by zero\n',
      );
      expect(run.stderr).toBe(run.error?.traceback);
    });

    test("tells a syntax error with its line, and an exit code as it is", async () => {
      const syntax = await python("x = 1\nif x\n  pass");
      expect(syntax.error).toMatchObject({ type: "SyntaxError", line: 2 });
      const exit = await python("import sys\nsys.exit(7)");
      expect(exit).toMatchObject({ verdict: "error", exitCode: 7 });
      const words = await python("import sys\nsys.exit('gave up')");
      expect(words).toMatchObject({ verdict: "error", exitCode: 1, stderr: "gave up\n" });
      expect(words.error?.message).toContain("gave up");
      expect(await python("print(1)\nraise SystemExit")).toMatchObject({ verdict: "ok", output: "1\n", exitCode: 0 });
    });

    test("takes inputs, files, arguments, variables and standard input", async () => {
      const run = await python(
        "import os, sys, helper\n" +
          "result = [inputs['n'], open('data/in.bin', 'rb').read().hex(), sys.argv[1:], os.environ['GREETING'], sys.stdin.read(), helper.x, __name__, os.getcwd()]",
        {
          inputs: { n: 3 },
          files: { "data/in.bin": new Uint8Array([0, 255]), "helper.py": "x = 'helped'", "odd näme%.txt": "" },
          args: ["-a", "b c"],
          env: { GREETING: "hallo\n" },
          stdin: "typed",
        },
      );
      expect(run.value).toEqual([3, "00ff", ["-a", "b c"], "hallo\n", "typed", "helped", "__main__", "/work"]);
      expect(run.artifacts).toEqual([]);
    });

    test("gives back files that are new or changed, and no others", async () => {
      const run = await python(
        "import os\nos.makedirs('out/deep')\nopen('out/deep/a.txt', 'w').write('new')\nopen('in.txt', 'w').write('changed')\nopen('same.txt').read()\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')",
        { files: { "in.txt": "was", "same.txt": "same" } },
      );
      expect(run.artifacts.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
        ["in.txt", "changed"],
        ["out/deep/a.txt", "new"],
      ]);
      expect(run.artifactsOmitted).toEqual([
        { name: "link", reason: "it is a symbolic link" },
        { name: "pipe", reason: "it is a named pipe" },
      ]);
    });

    test.runIf(packages.includes("pandas"))("turns tables and arrays into data", async () => {
      const run = await withPackages.executeCode(
        `import numpy as np, pandas as pd
frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "t": pd.to_datetime(["2024-01-01", None])})
result = {
  "frame": frame, "series": frame["a"], "named": frame[["a"]].sum(), "indexed": frame.set_index("b")[["a"]],
  "array": np.arange(6).reshape(2, 3), "scalar": np.float64(1.5), "flag": np.bool_(True), "nan": np.array([np.nan, 1]),
}`,
      );
      expect(run.error?.message).toBeUndefined();
      expect(run.value).toEqual({
        frame: [
          { a: 1, b: "x", t: "2024-01-01T00:00:00" },
          { a: 2, b: null, t: null },
        ],
        series: [1, 2],
        named: { a: 3 },
        indexed: [
          { b: "x", a: 1 },
          { b: null, a: 2 },
        ],
        array: [
          [0, 1, 2],
          [3, 4, 5],
        ],
        scalar: 1.5,
        flag: true,
        nan: [null, 1],
      });
    });

    test.runIf(packages.includes("pandas"))("runs the program of the README", async () => {
      const run = await withPackages.executeCode(
        'import pandas as pd\ndf = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})\nresult = df.sum()',
      );
      expect(run.output).toMatch(/a\s+6\nb\s+15\n/);
      expect(run.value).toEqual({ a: 6, b: 15 });
    });

    test.runIf(packages.includes("matplotlib"))("keeps plots as a notebook would", async () => {
      const run = await withPackages.executeCode(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.figure()\nplt.plot([2, 1])",
      );
      expect(run.error?.message).toBeUndefined();
      expect(run.artifacts.map(({ name }) => name)).toEqual(["plot-1.png", "plot-2.png"]);
      for (const { bytes } of run.artifacts) expect(Buffer.from(bytes).subarray(1, 4).toString()).toBe("PNG");
    });
  });

  describe("JavaScript", () => {
    test.each<[string, unknown, string]>([
      ["1 + 1", 2, "2"],
      ["const result = { a: [1, null, true] };", { a: [1, null, true] }, "{ a: [ 1, null, true ] }"],
      ["let result; setTimeout(() => { result = 'late' }, 5)", "late", "'late'"],
      ["Promise.resolve(7)", 7, "7"],
      ["import { join } from 'node:path';\njoin('a', 'b')", "a/b", "'a/b'"],
      ["const x = await Promise.resolve([1,\n2]);\nx;", [1, 2], "[ 1, 2 ]"],
      [
        "const os = require('node:os'); [typeof os.cpus, __filename, typeof module]",
        ["function", "/work/main.js", "object"],
        "[ 'function', '/work/main.js', 'object' ]",
      ],
      ["export const result = new Map([['k', new Set([1])]]);", { k: [1] }, "Map(1) { 'k' => Set(1) { 1 } }"],
      [
        "[12345678901234567890n, new Date(0), Buffer.from('a')]",
        ["12345678901234567890", "1970-01-01T00:00:00.000Z", { base64: "YQ==" }],
        "[ 12345678901234567890n, 1970-01-01T00:00:00.000Z, <Buffer 61> ]",
      ],
    ])("gives %j", async (code, value, output) => {
      const run = await javascript(code);
      expect(run.error?.message).toBeUndefined();
      expect(run.value).toEqual(value);
      expect(run.output).toBe(output);
      expect(run.artifacts).toEqual([]);
    });

    test("tells what was thrown, at once, later, or by a promise", async () => {
      const now = await javascript("const a = 1;\nfunction f() { throw new TypeError('no'); }\nf();");
      expect(now).toMatchObject({
        verdict: "error",
        exitCode: 1,
        error: { type: "TypeError", message: "no", line: 2 },
      });
      expect(now.error?.traceback).not.toContain("/run/driver");
      const later = await javascript("setTimeout(() => { null.x }, 1)");
      expect(later.error).toMatchObject({ type: "TypeError", line: 1 });
      const promised = await javascript("Promise.reject(new RangeError('far'))");
      expect(promised).toMatchObject({ verdict: "error", error: { type: "RangeError", message: "far" } });
      const module = await javascript("import 'node:fs';\nthrow new Error('in a module')");
      expect(module.error).toMatchObject({ message: "in a module", line: 2 });
      const syntax = await javascript("const = 1");
      expect(syntax.error).toMatchObject({ type: "SyntaxError", line: 1 });
    });

    test("takes inputs, files, arguments, variables and standard input", async () => {
      const run = await javascript(
        "const fs = require('node:fs'); const result = [inputs.n, require('./helper.js').x, process.argv.slice(2), process.env.A, fs.readFileSync(0, 'utf8')]",
        { inputs: { n: 1 }, files: { "helper.js": "exports.x = 2" }, args: ["-v"], env: { A: "b" }, stdin: "typed" },
      );
      expect(run.value).toEqual([1, 2, ["-v"], "b", "typed"]);
    });
  });

  describe("bash", () => {
    test("gives what it prints and what it calls its result", async () => {
      const run = await bash('echo seen; result="two words \\"quoted\\""');
      expect(run).toMatchObject({ success: true, output: "seen\n", value: 'two words "quoted"', exitCode: 0 });
      expect(await bash("result=5")).toMatchObject({ output: "5", value: "5" });
      const nothing = await bash("true");
      expect([nothing.output, nothing.value]).toEqual(["", undefined]);
    });

    test("fails with its exit code and its last words", async () => {
      const run = await bash("ls /nowhere\nexit 3");
      expect(run).toMatchObject({ verdict: "error", exitCode: 3 });
      expect(run.error?.message).toMatch(/exited with 3: ls: cannot access/);
      expect(await bash("kill -SEGV $$")).toMatchObject({ verdict: "killed", signal: "SIGSEGV", exitCode: null });
    });

    test("can name its standard streams", async () => {
      const run = await bash("echo out >/dev/stdout; echo err >/dev/stderr; cat /dev/stdin", { stdin: "in\n" });
      expect(run).toMatchObject({ stdout: "out\nin\n", stderr: "err\n" });
    });

    test("takes inputs, files, arguments, variables and standard input", async () => {
      const run = await bash('echo "$inputs" "$A" "$1" "$(cat "dir/a b.txt")" "$(cat)" "$0"; cat /tmp/inputs.json', {
        inputs: { n: 1 },
        files: { "dir/a b.txt": "file" },
        args: ["x y"],
        env: { A: "variable" },
        stdin: "typed",
      });
      expect(run.stdout).toBe('{"n":1} variable x y file typed /work/main.sh\n{"n":1}');
    });

    test("does not hand its channel to the code", async () => {
      const run = await bash(
        "ls /proc/self/fd /proc/$PPID/fd >/dev/null; for fd in $(ls /proc/$$/fd); do readlink /proc/$$/fd/$fd; done; declare -p | grep -c token",
      );
      expect(run.stdout).not.toContain("socket");
      expect(run.stdout.trim().split("\n").at(-1)).toBe("0");
    });
  });

  test("hands output on as it comes", async () => {
    const chunks: string[] = [];
    const run = await python("import sys\nprint('one', flush=True)\nprint('two', file=sys.stderr, flush=True)", {
      onStdout: (chunk) => chunks.push(`out ${Buffer.from(chunk)}`),
      onStderr: (chunk) => chunks.push(`err ${Buffer.from(chunk)}`),
    });
    expect(chunks.sort()).toEqual(["err two\n", "out one\n"]);
    expect(run.output).toBe("one\n");
  });

  test("a listener that throws ends the run and is heard", async () => {
    const onStdout = () => {
      throw new Error("the listener's own");
    };
    await expect(python("while True: print(1)", { onStdout })).rejects.toThrow("the listener's own");
  });

  test("an allowlist is all that can be imported", async () => {
    const run = await python("import pandas");
    expect(run.error).toMatchObject({ type: "ModuleNotFoundError" });
    const missing = executorOf(backend, { allowedPackages: ["no-such-distribution-anywhere"] });
    await expect(missing.executeCode("1")).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
    await missing.close();
  });
}
