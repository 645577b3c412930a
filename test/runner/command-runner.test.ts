import { afterAll, afterEach, describe, expect, it } from "vitest";
import { detectCgroups } from "#src/host/cgroup/index.js";
import { command } from "#src/model/describe.js";
import type { CommandOptions, CommandOutput } from "#src/model/work.js";
import type { AttemptRequest } from "#src/port/runner.js";
import { CommandRunner } from "#src/runner/command/command-runner.js";
import { present } from "../support/require-component.js";
import { attempt, failureOf, holdUp, outputOf } from "./attempt.js";
import { eventually, ownCgroups, processesWith } from "./outside.js";

const memoryHeld = present("cgroups");
const runner = new CommandRunner();

const run = (argv: readonly string[], options: CommandOptions = {}, more: Partial<AttemptRequest> = {}) =>
  attempt(runner, command(argv, options), {}, more);
const shell = (line: string, options: CommandOptions = {}, more: Partial<AttemptRequest> = {}) =>
  run([line], { shell: true, ...options }, more);

let marked = 0;
/** A text that finds a process again by its command line. */
const newMarker = () => `marker-${process.pid}-${++marked}`;

afterEach(() => {
  expect(ownCgroups()).toEqual([]);
});

afterAll(async () => {
  await runner.close();
  expect(processesWith(`marker-${process.pid}-`)).toEqual([]);
});

describe("a command that ends well", () => {
  it("gives what it wrote, and its exit code", async () => {
    const recorded = run(["sh", "-c", "echo out; echo err >&2"]);
    expect(await outputOf(recorded)).toEqual({ exitCode: 0, stdout: "out\n", stderr: "err\n", truncated: false });
    expect(recorded.story[0]).toMatch(/^started command-\d+$/);
    expect(recorded.story).toContain("stdout out");
    expect(recorded.story).toContain("stderr err");
  });

  it("loses nothing of it where this process is held up", async () => {
    const recorded = Array.from({ length: 8 }, (_, index) =>
      attempt(runner, command(["echo", `${index}`], { output: "text" }), {}, {}, () => holdUp(150)),
    );
    expect(await Promise.all(recorded.map(outputOf))).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  });

  it("gives arguments to no shell", async () => {
    const argument = "$HOME; `id` && \"quoted\" '*'\nline";
    expect(await outputOf(run(["printf", "%s", argument], { output: "text" }))).toBe(argument);
  });

  it("gives a line to a shell where that is asked for, with what follows as $1, $2", async () => {
    expect(await outputOf(run(['echo "$1-$2" | tr a-z A-Z', "one", "two"], { shell: true, output: "text" }))).toBe(
      "ONE-TWO",
    );
  });

  it.each([
    ["text", "one\ntwo\n", "one\ntwo"],
    ["text", "one\r\n", "one"],
    ["text", "\n\n", "\n"],
    ["json", '{"rows": [1, 2]}\n', { rows: [1, 2] }],
  ] as const)("gives its output as %s: %j", async (output, stdin, expected) => {
    expect(await outputOf(run(["cat"], { stdin, output }))).toEqual(expected);
  });

  it("fails where its output should be JSON and is not", async () => {
    const { error, reason } = await failureOf(run(["echo", "not json"], { output: "json" }));
    expect(error.message).toContain('it begins: "not json');
    expect(reason).toEqual({ kind: "error" });
  });

  it("runs in cwd", async () => {
    expect(await outputOf(run(["pwd"], { cwd: "/usr", output: "text" }))).toBe("/usr");
  });

  it("is given stdin, text or bytes, and an empty one where there is none", async () => {
    expect(await outputOf(run(["wc", "-c"], { stdin: "grüße", output: "text" }))).toBe("7");
    const bytes = new Uint8Array(1_000_000).fill(65);
    expect(await outputOf(run(["wc", "-c"], { stdin: bytes, output: "text" }))).toBe("1000000");
    expect(await outputOf(run(["wc", "-c"], { output: "text" }))).toBe("0");
  });

  it("need not read its stdin", async () => {
    expect(await outputOf(run(["true"], { stdin: new Uint8Array(10_000_000), output: "text" }))).toBe("");
  });

  it("takes other exit codes for a success where that is said", async () => {
    const output = (await outputOf(run(["sh", "-c", "exit 3"], { successCodes: [0, 3] }))) as CommandOutput;
    expect(output.exitCode).toBe(3);
  });

  it("tells what it used, its children included", async () => {
    const ended = await shell("i=0; (while [ $i -lt 200000 ]; do i=$((i+1)); done); true").ended;
    if (ended.end !== "succeeded") throw new Error(ended.end);
    if (detectCgroups().version !== "none") expect(ended.usage?.cpuSeconds).toBeGreaterThan(0.02);
    if (memoryHeld) expect(ended.usage?.peakBytes).toBeGreaterThan(100_000);
  });
});

describe("the environment", () => {
  const visible = async (options: CommandOptions) => {
    const text = (await outputOf(run(["/usr/bin/env"], { ...options, output: "text" }))) as string;
    return text.split("\n").map((line) => line.split("=")[0]);
  };
  // What the launching shell and the marker of the tree add.
  const added = ["ORCHESTRATOR_TREE", "PWD", "SHLVL", "_", "OLDPWD"];

  it("is what is set and what is named, and nothing else of this process", async () => {
    process.env.SECRET_OF_THE_TEST = "secret";
    process.env.ALLOWED_BY_THE_TEST = "allowed";
    const names = await visible({ env: { OWN: "1" }, inheritEnv: ["ALLOWED_BY_THE_TEST"] });
    expect(names.filter((name) => !added.includes(name!)).sort()).toEqual(["ALLOWED_BY_THE_TEST", "OWN"]);
    const defaults = await visible({});
    expect(defaults).toContain("PATH");
    expect(defaults).not.toContain("SECRET_OF_THE_TEST");
  });
});

describe("a command that fails", () => {
  it("tells its exit code and the end of its standard error", async () => {
    const { error, reason } = await failureOf(run(["sh", "-c", "echo before; echo the reason >&2; exit 3"]));
    expect(reason).toEqual({ kind: "exit-code", exitCode: 3, signal: null, stderr: "the reason\n" });
    expect(error).toMatchObject({ code: "COMMAND_FAILED" });
    expect(error.message).toContain("exit code 3\nthe reason");
  });

  it("tells the signal that killed it", async () => {
    const { reason } = await failureOf(run(["sh", "-c", "kill -SEGV $$"]));
    expect(reason).toMatchObject({ kind: "exit-code", exitCode: null, signal: "SIGSEGV" });
  });

  it.each([
    [
      "a program that is not there",
      ["no-such-program-here"],
      {},
      /cannot start "no-such-program-here": no such program in PATH/,
    ],
    ["a path that is not there", ["./no/such"], {}, /no such program in/],
    ["a file that cannot be executed", ["/etc/passwd"], {}, /no such program/],
    [
      "a directory that is not there",
      ["true"],
      { cwd: "/no/such/directory" },
      /working directory \/no\/such\/directory/,
    ],
    ["a bad option", ["true"], { maxOutput: "much", shel: true } as CommandOptions, /2 problems/],
  ])("is told in words, and not tried again: %s", async (_title, argv, options, message) => {
    const failure = await failureOf(run(argv, options));
    expect(failure.error.message).toMatch(message);
    expect(failure.retryable).toBe(false);
  });

  it.runIf(memoryHeld)("is ended by the kernel at its declared memory", async () => {
    const hog = run(["sh", "-c", "head -c 300m /dev/zero | tail -c 300m > /dev/null"], {}, { memoryBytes: 60e6 });
    const { reason } = await failureOf(hog);
    expect(reason).toMatchObject({ kind: "memory-limit", limitBytes: 60e6 });
    const { peakBytes } = reason as { peakBytes: number };
    expect(peakBytes).toBeGreaterThan(40e6);
    expect(peakBytes).toBeLessThanOrEqual(60e6);
  });

  it.runIf(memoryHeld)("is told as such even where its shell ends well", async () => {
    const hog = shell("head -c 300m /dev/zero | tail -c 300m | wc -c", {}, { memoryBytes: 60e6 });
    expect((await failureOf(hog)).reason).toMatchObject({ kind: "memory-limit" });
  });
});

describe("output", () => {
  it("beyond maxOutput ends the command", async () => {
    const marker = newMarker();
    const flood = shell(`yes ${marker}`, { maxOutput: "1MiB" });
    const { error, reason } = await failureOf(flood);
    expect(reason).toEqual({ kind: "output-limit", limitBytes: 2 ** 20 });
    expect(error).toMatchObject({ code: "OUTPUT_LIMIT" });
    expect(processesWith(marker)).toEqual([]);
  });

  it("beyond maxOutput is dropped where that is asked for", async () => {
    const output = (await outputOf(
      shell("head -c 5000000 /dev/zero | tr '\\0' x; echo done >&2", { maxOutput: 1000, onOutputLimit: "truncate" }),
    )) as CommandOutput;
    expect(output).toEqual({ exitCode: 0, stdout: "x".repeat(1000), stderr: "done\n", truncated: true });
  });

  it("is never cut within a character", async () => {
    const output = (await outputOf(
      run(["printf", "aé€😀"], { maxOutput: 8, onOutputLimit: "truncate" }),
    )) as CommandOutput;
    expect(output.stdout).toBe("aé€");
  });

  it("that is no UTF-8 becomes replacement characters", async () => {
    expect(await outputOf(shell("printf 'a\\377b'", { output: "text" }))).toBe("a\ufffdb");
  });

  it("in one huge line is told in pieces", async () => {
    const recorded = shell("head -c 200000 /dev/zero | tr '\\0' x");
    await recorded.ended;
    const pieces = recorded.story.filter((line) => line.startsWith("stdout ")).map((line) => line.length - 7);
    expect(pieces.length).toBeGreaterThan(3);
    expect(Math.max(...pieces)).toBeLessThanOrEqual(65_536);
    expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(200_000);
  });

  it("of 100,000 lines comes in order and whole", async () => {
    const recorded = run(["seq", "1", "100000"]);
    await outputOf(recorded);
    const lines = recorded.story.filter((line) => line.startsWith("stdout ")).map((line) => line.slice(7));
    expect(lines).toEqual(Array.from({ length: 100_000 }, (_, index) => String(index + 1)));
  });
});

describe("the end of the tree", () => {
  it("comes with the program's own: what it leaves behind is ended", async () => {
    const marker = newMarker();
    // The grandchild holds the pipe, ignores SIGTERM, and has a session of its own.
    const output = await outputOf(
      shell(`setsid sh -c 'trap "" TERM; sleep 1000; # ${marker}' & echo started`, { output: "text" }),
    );
    expect(output).toBe("started");
    expect(processesWith(marker)).toEqual([]);
  });

  it("waits a little for a helper that is about to end", async () => {
    const output = await outputOf(shell("(sleep 0.02; echo late) & echo early", { output: "text" }));
    expect(output).toBe("early\nlate");
  });

  it("comes with an abort: SIGTERM first", async () => {
    const recorded = shell("trap 'echo asked to end; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
    await eventually(() => recorded.story.includes("stdout ready"), "the command runs");
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    expect(recorded.story).toContain("stdout asked to end");
  });

  it("comes with an abort: SIGKILL after the grace, for the whole tree", async () => {
    const marker = newMarker();
    const recorded = shell(
      `trap '' TERM; setsid sh -c 'trap "" TERM; while :; do sleep 1; done # ${marker}' & echo ready; while :; do sleep 1; done`,
      { killGrace: 0.1 },
    );
    await eventually(() => recorded.story.includes("stdout ready"), "the command runs");
    await eventually(() => processesWith(marker).length > 0, "the daemon runs");
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    expect(processesWith(marker)).toEqual([]);
  });

  it.each(["abort", "close"])("comes with %s that is there before the command has entered its group", async (how) => {
    for (let round = 0; round < 20; round++) {
      const own = new CommandRunner();
      const recorded = attempt(own, command(["sleep", "1000"], { killGrace: round % 2 }));
      // A little later each time: somewhere on the way the launcher is not in its cgroup yet.
      for (const end = performance.now() + round / 4; performance.now() < end; );
      if (how === "abort") recorded.control.abort(new Error("enough"));
      else await own.close();
      expect((await recorded.ended).end).toBe("stopped");
      await own.close();
    }
  });

  it("comes with close", async () => {
    const own = new CommandRunner();
    const marker = newMarker();
    const recorded = attempt(own, command([`trap '' TERM; sleep 1000; : ${marker}`], { shell: true }));
    await eventually(() => processesWith(marker).length > 0, "the command runs");
    await own.close();
    expect((await recorded.ended).end).toBe("stopped");
    expect(processesWith(marker)).toEqual([]);
    expect(() => attempt(own, command(["true"]))).toThrow(/closed/);
  });
});

it("uses lanes again, so that workers have few names", async () => {
  const own = new CommandRunner();
  const workers = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const recorded = attempt(own, command(["true"]));
    await recorded.ended;
    workers.add(await recorded.started);
    // The lane is given back right after the end was told.
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([...workers]).toEqual(["command-1"]);
  await own.close();
});

it("says what holds the limits", () => {
  const by = memoryHeld ? expect.stringMatching(/^cgroup-v[12]$/) : "admission";
  expect(runner.enforcement()[0]).toMatchObject({ limit: "memory", by });
});
