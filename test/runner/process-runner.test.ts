import { afterAll, afterEach, describe, expect, it } from "vitest";
import { readProcessStat } from "#src/host/process-identity.js";
import { subprocess } from "#src/model/describe.js";
import { ProcessRunner, type ProcessRunnerOptions } from "#src/runner/process/process-runner.js";
import { present } from "../support/require-component.js";
import { attempt, begun, failureOf, holdUp, outputOf } from "./attempt.js";
import { eventually, ownCgroups, processesWith } from "./outside.js";

const tasks = new URL("./fixtures/tasks.mjs", import.meta.url);
const task = (name: string) => subprocess(tasks, name);
const memoryHeld = present("cgroups");

const runners: ProcessRunner[] = [];
function makeRunner(options: ProcessRunnerOptions = {}): ProcessRunner {
  const runner = new ProcessRunner({ maxWorkers: 1, ...options });
  runners.push(runner);
  return runner;
}

afterEach(async () => {
  for (const runner of runners.splice(0)) {
    await runner.close();
    expect(runner.size).toBe(0);
  }
});

afterAll(async () => {
  expect(ownCgroups()).toEqual([]);
  // Other test files have workers too, at the same time.
  const own = processesWith("runner/process/entry.js").filter((pid) => readProcessStat(pid)?.parentPid === process.pid);
  expect(own).toEqual([]);
});

describe("calls", () => {
  it("runs in another process, which stays warm", async () => {
    const runner = makeRunner();
    const pids = [await outputOf(attempt(runner, task("pid"))), await outputOf(attempt(runner, task("pid")))];
    expect(pids[0]).not.toBe(process.pid);
    expect(pids[1]).toBe(pids[0]);
  });

  it("keeps what values are", async () => {
    const rich = {
      map: new Map([["k", new Date(5)]]),
      set: new Set([1]),
      big: 10n,
      nothing: undefined,
      bytes: Buffer.from("bytes"),
      numbers: new Float64Array([1.5, Number.NaN]),
    };
    const output = (await outputOf(attempt(makeRunner(), task("echo"), rich))) as typeof rich;
    expect(output).toEqual(rich);
    expect(Object.keys(output)).toContain("nothing");
    expect(Buffer.isBuffer(output.bytes)).toBe(true);
  });

  it("carries values larger than a pipe holds, both ways", async () => {
    const bytes = new Uint8Array(5_000_000).map((_, index) => index % 251);
    const output = (await outputOf(attempt(makeRunner(), task("echo"), { bytes }))) as { bytes: Uint8Array };
    expect(Buffer.compare(output.bytes, bytes)).toBe(0);
  });

  it("passes on what the task tells and prints, in order, before the end", async () => {
    const recorded = attempt(makeRunner(), task("talk"));
    await recorded.ended;
    const told = recorded.story.filter((line) => !line.startsWith("std"));
    expect(told).toEqual(["started process-1", "log first", "progress 0.5", "log second", "succeeded"]);
    expect(recorded.story).toContain("stdout to stdout");
    expect(recorded.story).toContain("stderr to stderr");
    expect(recorded.story.at(-1)).toBe("succeeded");
  });

  it("loses nothing of what is printed where this process is held up", async () => {
    const runner = makeRunner({ maxWorkers: 2 });
    // Woken for what both have said so far, and held up by the first until the second has ended: its end is read in that
    // turn of the event loop, and what it printed right before is known of in the next.
    const woken = attempt(runner, task("speakSlowly"), { words: [[400, "stdout", "first"]] }, {}, () => holdUp(2000));
    const words = [
      [700, "log", "second"],
      [1000, "stdout", "last"],
    ];
    const recorded = attempt(runner, task("speakSlowly"), { words });
    await Promise.all([woken.started, recorded.started]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    holdUp(800);
    await Promise.all([woken.ended, recorded.ended]);
    expect(recorded.story.slice(1)).toEqual(["log second", "stdout last", "succeeded"]);
  });

  it("brings errors back as themselves", async () => {
    const { error, reason } = await failureOf(attempt(makeRunner(), task("failTyped")));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(reason).toEqual({ kind: "error" });
  });

  it("tells what the attempt used, for itself alone", async () => {
    const runner = makeRunner();
    const busy = await attempt(runner, task("burn"), { ms: 300 }).ended;
    const idle = await attempt(runner, task("add"), { a: 1, b: 1 }).ended;
    if (busy.end !== "succeeded" || idle.end !== "succeeded") throw new Error("an attempt failed");
    expect(busy.usage?.cpuSeconds).toBeGreaterThan(0.1);
    // The second attempt is not told of what the first one burnt.
    expect(idle.usage?.cpuSeconds).toBeLessThan(busy.usage!.cpuSeconds! / 2);
    if (memoryHeld) expect(busy.usage?.peakBytes).toBeGreaterThan(1e6);
  });

  it("runs no more at once than it may, and all in the end", async () => {
    const runner = makeRunner({ maxWorkers: 2 });
    const outputs = await Promise.all(
      Array.from({ length: 9 }, (_, index) => outputOf(attempt(runner, task("add"), { a: index, b: 0 }))),
    );
    expect(outputs).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(runner.size).toBeLessThanOrEqual(2);
  });

  it("refuses inputs and outputs that cannot be serialised, and goes on", async () => {
    const runner = makeRunner();
    const inputs = await failureOf(attempt(runner, task("echo"), { callback: () => 1 }));
    expect(inputs).toMatchObject({ reason: { kind: "not-serialisable" }, retryable: false });
    const output = await failureOf(attempt(runner, task("unserialisable")));
    expect(output.reason).toEqual({ kind: "not-serialisable" });
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
    expect(runner.size).toBe(1);
  });

  it("says why a module or export is not there", async () => {
    const runner = makeRunner();
    const module = await failureOf(attempt(runner, subprocess(new URL("./fixtures/none.mjs", import.meta.url), "f")));
    expect(module).toMatchObject({ reason: { kind: "module-not-loaded" }, retryable: false });
    const missing = await failureOf(attempt(runner, task("nothingLikeThat")));
    expect(missing.error.message).toContain('has no export "nothingLikeThat"');
  });
});

describe("a process that dies", () => {
  it.each([
    ["process.exit", "exit", { kind: "worker-exited", exitCode: 7, signal: null }],
    ["a throw in a timer", "throwLater", { kind: "worker-exited", exitCode: 1, signal: null }],
    ["an unhandled rejection", "rejectLater", { kind: "worker-exited", exitCode: 1, signal: null }],
    ["a segmentation fault", "segfault", { kind: "worker-exited", exitCode: null, signal: "SIGSEGV" }],
  ])("fails its attempt alone, and another takes its place: %s", async (_title, name, reason) => {
    const runner = makeRunner({ maxWorkers: 2 });
    const neighbour = attempt(runner, task("untilAborted"));
    expect((await failureOf(attempt(runner, task(name)))).reason).toEqual(reason);
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
    neighbour.control.abort(new Error("enough"));
    expect((await neighbour.ended).end).toBe("stopped");
  });

  it("keeps the error that nobody caught as the cause", async () => {
    const { error } = await failureOf(attempt(makeRunner(), task("throwLater")));
    expect((error.cause as Error).message).toBe("thrown in a timer");
  });

  it("tells that the heap ran over the task's memory", async () => {
    const runner = makeRunner();
    const failure = await failureOf(attempt(runner, task("hogHeap"), {}, { memoryBytes: 100e6 }));
    expect(failure.reason).toMatchObject({ kind: "memory-limit", limitBytes: 100e6 });
    expect(failure.error).toMatchObject({ code: "WORKER_OUT_OF_MEMORY" });
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
  });

  it.runIf(memoryHeld)("is killed by the kernel where buffers outside of the heap go over the limit", async () => {
    const runner = makeRunner({ memoryLimit: "128MB" });
    const { reason } = await failureOf(attempt(runner, task("hogBuffers")));
    expect(reason).toMatchObject({ kind: "memory-limit", limitBytes: 128e6 });
    const { peakBytes } = reason as { peakBytes: number };
    expect(peakBytes).toBeGreaterThan(100e6);
    expect(peakBytes).toBeLessThanOrEqual(128e6);
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
  });

  it("works within the smallest limit", async () => {
    const recorded = attempt(makeRunner(), task("add"), { a: 1, b: 1 }, { memoryBytes: 1000 });
    expect(await outputOf(recorded)).toBe(2);
  });
});

describe("abort", () => {
  it("lets an attempt end by its signal, and keeps the process", async () => {
    const runner = makeRunner({ abortGrace: "60s" });
    const recorded = attempt(runner, task("untilAborted"));
    await recorded.started;
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    const next = attempt(runner, task("add"), { a: 1, b: 1 });
    expect(await next.started).toBe("process-1");
    await next.ended;
  });

  it.each(["spin", "hang", "ignoreTerm"])("kills one that does not: %s", async (name) => {
    const runner = makeRunner({ killGrace: 0.1 });
    const recorded = attempt(runner, task(name));
    await begun(recorded);
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
  });

  it("kills what the attempt has started, a daemon in a session of its own included", async () => {
    const marker = `daemon-${process.pid}-of-a-worker-process`;
    const runner = makeRunner({ killGrace: 0.1 });
    const recorded = attempt(runner, task("spawnDaemon"), { marker });
    await eventually(() => processesWith(marker).length > 0, "the daemon runs");
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    expect(processesWith(marker)).toEqual([]);
  });

  it("takes an attempt out of the queue", async () => {
    const runner = makeRunner();
    const first = attempt(runner, task("untilAborted"));
    const waiting = attempt(runner, task("spin"));
    waiting.control.abort(new Error("enough"));
    expect((await waiting.ended).end).toBe("stopped");
    expect(waiting.story).toEqual(["stopped"]);
    first.control.abort(new Error("enough"));
    await first.ended;
  });
});

describe("the life of a process", () => {
  it("ends after recycleAfterTasks attempts", async () => {
    const runner = makeRunner({ recycleAfterTasks: 2 });
    const counts = [];
    for (let round = 0; round < 5; round++) counts.push(await outputOf(attempt(runner, task("countCalls"))));
    expect(counts).toEqual([1, 2, 1, 2, 1]);
  });

  it("ends when it has grown beyond recycleAfterBytes", async () => {
    const runner = makeRunner({ recycleAfterBytes: "150MB" });
    const counts = [];
    for (let round = 0; round < 4; round++)
      counts.push(await outputOf(attempt(runner, task("leak"), { bytes: 60_000_000 })));
    expect(counts).toEqual([1, 2, 1, 2]);
  });

  it("ends after idleTimeout", async () => {
    const runner = makeRunner({ idleTimeout: 0.02 });
    await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }));
    await eventually(() => runner.size === 0, "no process is left");
  });

  it("makes room for a task of another memory limit", async () => {
    const runner = makeRunner();
    for (const memoryBytes of [undefined, 200e6, 300e6, undefined])
      expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }, { memoryBytes }))).toBe(2);
    await eventually(() => runner.size === 1, "one process");
  });
});

it("close stops what runs and what waits", async () => {
  const runner = makeRunner();
  const all = ["ignoreTerm", "add"].map((name) => attempt(runner, task(name)));
  await begun(all[0]!);
  await runner.close();
  for (const { ended } of all) expect((await ended).end).toBe("stopped");
  expect(() => attempt(runner, task("add"))).toThrow(/closed/);
});

it("says what holds the limits", () => {
  const [memory, cpu] = makeRunner().enforcement();
  expect(memory).toMatchObject({
    limit: "memory",
    by: memoryHeld ? expect.stringMatching(/^cgroup-v[12]$/) : "heap-limit",
  });
  expect(cpu!.limit).toBe("cpu");
});
