import { afterAll, afterEach, describe, expect, it } from "vitest";
import { worker } from "#src/model/describe.js";
import { OrchestratorError } from "#src/model/error.js";
import { ThreadRunner, type ThreadRunnerOptions } from "#src/runner/thread/thread-runner.js";
import { attempt, begun, failureOf, outputOf } from "./attempt.js";
import { eventually } from "./outside.js";

const tasks = new URL("./fixtures/tasks.mjs", import.meta.url);
const task = (name: string) => worker(tasks, name);

const runners: ThreadRunner[] = [];
function makeRunner(options: ThreadRunnerOptions = {}): ThreadRunner {
  const runner = new ThreadRunner({ maxWorkers: 2, ...options });
  runners.push(runner);
  return runner;
}

/** A number in shared memory at which tasks wait until `release`. */
function makeGate() {
  const gate = new SharedArrayBuffer(4);
  const release = () => {
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
  };
  return { gate, release };
}

afterEach(async () => {
  for (const runner of runners.splice(0)) {
    await runner.close();
    expect(runner.size).toBe(0);
  }
});

afterAll(() => {
  expect(runners).toEqual([]);
});

describe("calls", () => {
  it("gives the inputs to the function and its output back", async () => {
    const runner = makeRunner();
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 2 }))).toBe(3);
    expect(await outputOf(attempt(runner, task("slowAdd"), { a: 3, b: 4 }))).toBe(7);
    const rich = { map: new Map([["k", new Date(5)]]), big: 10n, nothing: undefined, bytes: new Uint8Array([1, 2]) };
    expect(await outputOf(attempt(runner, task("echo"), rich))).toEqual(rich);
    expect(await outputOf(attempt(runner, task("echo")))).toEqual({});
  });

  it("tells the function which attempt it is", async () => {
    const recorded = attempt(makeRunner(), task("identity"), {}, { runId: "r", taskId: "t", attempt: 3 });
    expect(await outputOf(recorded)).toEqual({ runId: "r", taskId: "t", attempt: 3 });
  });

  it("passes on progress and log, in order, before the end", async () => {
    const recorded = attempt(makeRunner(), task("talk"));
    await recorded.ended;
    expect(recorded.story).toEqual(["started thread-1", "log first", "progress 0.5", "log second", "succeeded"]);
  });

  it("brings errors back as themselves", async () => {
    const runner = makeRunner();
    const typed = await failureOf(attempt(runner, task("failTyped")));
    expect(typed.error).toBeInstanceOf(TypeError);
    expect(typed.error.message).toBe("no such column");
    expect(typed.error.cause).toBeInstanceOf(RangeError);
    expect(typed.error.stack).toContain("tasks.mjs");
    expect(typed.reason).toEqual({ kind: "error" });
    const own = await failureOf(attempt(runner, task("failOwn")));
    expect(own.error).toMatchObject({ name: "RateLimitError", message: "slow down", retryAfter: 30 });
    expect((await failureOf(attempt(runner, task("failPlain")))).error.message).toContain("just text");
  });

  it("makes no more threads than it may, and uses them all", async () => {
    const runner = makeRunner({ maxWorkers: 2, tasksPerWorker: 1 });
    const { gate, release } = makeGate();
    const held = [1, 2].map((value) => attempt(runner, task("blockUntilReleased"), { gate, value }));
    const waiting = Array.from({ length: 10 }, (_, value) => attempt(runner, task("echo"), { value }));
    await eventually(() => runner.size === 2, "two threads");
    release();
    expect(await Promise.all(held.map(outputOf))).toEqual([1, 2]);
    expect(await Promise.all(waiting.map(outputOf))).toHaveLength(10);
    expect(runner.size).toBe(2);
  });

  it("lets an idle thread take over what waits behind a hog", async () => {
    const runner = makeRunner({ maxWorkers: 2 });
    const hog = makeGate();
    const brake = makeGate();
    const held = attempt(runner, task("blockUntilReleased"), { gate: hog.gate, value: "hog" });
    const other = attempt(runner, task("blockUntilReleased"), { gate: brake.gate, value: "other" });
    await Promise.all([begun(held), begun(other)]);
    // Both threads are held, and these wait in both.
    const rest = Array.from({ length: 20 }, (_, value) => attempt(runner, task("echo"), { value }));
    brake.release();
    // Half of them wait behind the hog, which does not end before they have.
    expect(await Promise.all(rest.map(outputOf))).toHaveLength(20);
    hog.release();
    expect(await Promise.all([held, other].map(outputOf))).toEqual(["hog", "other"]);
  });

  it("runs several waiting attempts in one thread at once, up to tasksPerWorker", async () => {
    const runner = makeRunner({ maxWorkers: 1, tasksPerWorker: 3 });
    const { gate, release } = makeGate();
    const counter = new SharedArrayBuffer(4);
    const all = Array.from({ length: 5 }, (_, value) =>
      attempt(runner, task("countAndWait"), { gate, counter, value }),
    );
    await eventually(() => Atomics.load(new Int32Array(counter), 0) === 3, "three have begun");
    release();
    expect(await Promise.all(all.map(outputOf))).toEqual([0, 1, 2, 3, 4]);
    expect(new Int32Array(counter)[0]).toBe(5);
  });

  it("refuses inputs that cannot be cloned", async () => {
    const failure = await failureOf(attempt(makeRunner(), task("echo"), { callback: () => 1 }));
    expect(failure.reason).toEqual({ kind: "not-serialisable" });
    expect(failure.retryable).toBe(false);
    expect(failure.error).toMatchObject({ code: "NOT_SERIALISABLE" });
  });
});

describe("the clock of an attempt", () => {
  it("does not start while the attempt waits behind another one", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const { gate, release } = makeGate();
    const hog = attempt(runner, task("blockUntilReleased"), { gate, value: 1 }, { timeoutMs: 60_000 });
    await hog.started;
    const waiting = attempt(runner, task("add"), { a: 1, b: 1 }, { timeoutMs: 60_000 });
    expect(waiting.story).toEqual([]);
    release();
    await waiting.ended;
    expect(waiting.story).toEqual(["started thread-1", "succeeded"]);
  });
});

describe("transfer", () => {
  it("moves buffers to the thread", async () => {
    const buffer = new ArrayBuffer(1024);
    const work = worker(tasks, "byteLength", { transfer: [buffer] });
    expect(await outputOf(attempt(makeRunner(), work, { buffer }))).toBe(1024);
    expect(buffer.byteLength).toBe(0);
  });

  it("moves buffers of the output back", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const module = new URL("./fixtures/transfer.mjs", import.meta.url);
    const output = await outputOf(attempt(runner, worker(module, "give"), { size: 100 }));
    expect(output).toEqual({ bytes: new Uint8Array(100).fill(7) });
    expect(await outputOf(attempt(runner, worker(module, "lengthOfLast")))).toBe(0);
  });

  it("says so where a buffer was moved before", async () => {
    const runner = makeRunner();
    const buffer = new ArrayBuffer(8);
    const work = worker(tasks, "byteLength", { transfer: [buffer] });
    await outputOf(attempt(runner, work, { buffer }));
    expect((await failureOf(attempt(runner, work, { buffer }))).reason).toEqual({ kind: "not-serialisable" });
  });
});

describe("modules that do not load", () => {
  it.each([
    ["a missing module", worker(new URL("./fixtures/none.mjs", import.meta.url), "f"), /cannot load .*none\.mjs/],
    ["one that throws", worker(new URL("./fixtures/broken.mjs", import.meta.url), "f"), /throws while it is loaded/],
    ["a missing export", worker(tasks, "nothingLikeThat"), /has no export "nothingLikeThat"; its exports: .*add/],
    ["an export that is no function", worker(tasks, "notAFunction"), /is no function/],
  ])("fail the attempt: %s", async (_title, work, message) => {
    const runner = makeRunner();
    const failure = await failureOf(attempt(runner, work));
    expect(failure.reason).toEqual({ kind: "module-not-loaded", module: work.module });
    expect(failure.retryable).toBe(false);
    expect(failure.error).toBeInstanceOf(OrchestratorError);
    expect(failure.error.message).toMatch(message);
    // The thread is none the worse for it.
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
  });

  it("says what to do about TypeScript that this Node does not load", async () => {
    const failure = await failureOf(
      attempt(makeRunner(), worker(new URL("./fixtures/typed.ts", import.meta.url), "x")),
    );
    if (process.versions.node.startsWith("20.")) expect(failure.error.message).toContain("--import tsx");
    else expect(failure.error.message).toContain('has no export "x"');
  });
});

describe("a thread that dies", () => {
  it.each([
    ["process.exit", "exit", { kind: "worker-exited", exitCode: 7, signal: null }, "WORKER_EXITED"],
    ["a throw in a timer", "throwLater", { kind: "worker-exited", exitCode: 1, signal: null }, "WORKER_EXITED"],
    ["an unhandled rejection", "rejectLater", { kind: "worker-exited", exitCode: 1, signal: null }, "WORKER_EXITED"],
  ])("fails the attempt with its own reason, and the pool heals: %s", async (_title, name, reason, code) => {
    const runner = makeRunner({ maxWorkers: 1 });
    const failure = await failureOf(attempt(runner, task(name)));
    expect(failure.reason).toEqual(reason);
    expect(failure.error).toMatchObject({ code });
    expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }))).toBe(2);
  });

  it("keeps the error that nobody caught as the cause", async () => {
    const { error } = await failureOf(attempt(makeRunner(), task("throwLater")));
    expect((error.cause as Error).message).toBe("thrown in a timer");
  });

  it("tells that memory ran out, by the pool's limit or the task's own", async () => {
    const limited = makeRunner({ maxWorkers: 1, heapLimitBytes: "32MiB" });
    const failure = await failureOf(attempt(limited, task("hogHeap")));
    expect(failure.reason).toEqual({ kind: "memory-limit", limitBytes: 32 * 2 ** 20 });
    expect(failure.error).toMatchObject({ code: "WORKER_OUT_OF_MEMORY" });
    const declared = makeRunner({ maxWorkers: 1 });
    const own = await failureOf(attempt(declared, task("hogHeap"), {}, { memoryBytes: 20_000_000 }));
    expect(own.reason).toEqual({ kind: "memory-limit", limitBytes: 32 * 2 ** 20 });
    expect(await outputOf(attempt(declared, task("add"), { a: 1, b: 1 }))).toBe(2);
  });

  it("fails an attempt whose output cannot be cloned, and keeps the thread", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const failure = await failureOf(attempt(runner, task("unserialisable")));
    expect(failure.reason).toEqual({ kind: "not-serialisable" });
    const next = attempt(runner, task("add"), { a: 1, b: 1 });
    expect(await outputOf(next)).toBe(2);
    expect(await next.started).toBe("thread-1");
  });

  it("charges the one whose code was running; the others in the thread are lost", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const neighbours = [attempt(runner, task("hang")), attempt(runner, task("hang"))];
    await Promise.all(neighbours.map(begun));
    const guilty = attempt(runner, task("exit"), { code: 9 });
    expect((await failureOf(guilty)).reason).toEqual({ kind: "worker-exited", exitCode: 9, signal: null });
    for (const neighbour of neighbours) {
      const ended = await neighbour.ended;
      expect(ended).toMatchObject({ end: "lost", error: { code: "WORKER_LOST" } });
    }
  });

  it("loses no task twice: it has a thread to itself the next time", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const identity = { runId: "r", taskId: "innocent" };
    const innocent = attempt(runner, task("hang"), {}, identity);
    await begun(innocent);
    await failureOf(attempt(runner, task("exit")));
    expect((await innocent.ended).end).toBe("lost");
    const { gate, release } = makeGate();
    const again = attempt(
      runner,
      task("countAndWait"),
      { gate, counter: new SharedArrayBuffer(4), value: "well" },
      identity,
    );
    await again.started;
    const deadly = attempt(runner, task("exit"));
    // There is only one thread, with room for many; but not beside this one.
    expect(deadly.story).toEqual([]);
    release();
    expect(await outputOf(again)).toBe("well");
    await failureOf(deadly);
  });

  it("gives what had not begun to another thread", async () => {
    const runner = makeRunner({ maxWorkers: 1, tasksPerWorker: 1 });
    const guilty = attempt(runner, task("throwLater"));
    await guilty.started;
    const waiting = Array.from({ length: 5 }, (_, value) => attempt(runner, task("echo"), { value }));
    await failureOf(guilty);
    expect(await Promise.all(waiting.map(outputOf))).toHaveLength(5);
  });

  it("charges nobody where the guilty one is not known, and runs each alone the next time", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const identities = ["innocent", "guilty"].map((taskId) => ({ taskId, runId: "r" }));
    const innocent = attempt(runner, task("hang"), {}, identities[0]);
    await begun(innocent);
    const guilty = attempt(runner, task("throwLater"), {}, identities[1]);
    expect((await innocent.ended).end).toBe("lost");
    expect((await guilty.ended).end).toBe("lost");
    const again = attempt(runner, task("throwLater"), {}, identities[1]);
    // It would share the only thread, and be lost with it, if the first one were not alone there.
    const neighbour = attempt(runner, task("hang"));
    expect((await failureOf(again)).reason).toMatchObject({ kind: "worker-exited" });
    await begun(neighbour);
    neighbour.control.abort(new Error("enough"));
    expect((await neighbour.ended).end).toBe("stopped");
  });
});

describe("abort", () => {
  it("lets an attempt end by its signal", async () => {
    const runner = makeRunner({ maxWorkers: 1, abortGrace: "60s" });
    const recorded = attempt(runner, task("untilAborted"), {}, { timeoutMs: 60_000 });
    await recorded.started;
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    const next = attempt(runner, task("add"), { a: 1, b: 1 });
    expect(await next.started).toBe("thread-1");
    await next.ended;
  });

  it.each(["spin", "hang"])("terminates the thread of one that does not: %s", async (name) => {
    const runner = makeRunner({ maxWorkers: 1 });
    const recorded = attempt(runner, task(name), {}, { timeoutMs: 60_000 });
    await begun(recorded);
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    const next = attempt(runner, task("add"), { a: 1, b: 1 });
    expect(await outputOf(next)).toBe(2);
    expect(await next.started).toBe("thread-2");
  });

  it("loses the neighbours of a thread that had to be terminated", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    const neighbour = attempt(runner, task("hang"), {}, { timeoutMs: 60_000 });
    await begun(neighbour);
    const recorded = attempt(runner, task("spin"), {}, { timeoutMs: 60_000 });
    await begun(recorded);
    recorded.control.abort(new Error("enough"));
    expect((await recorded.ended).end).toBe("stopped");
    expect((await neighbour.ended).end).toBe("lost");
  });

  it("ends nothing else where the attempt has not begun", async () => {
    const runner = makeRunner({ maxWorkers: 1, tasksPerWorker: 1 });
    const { gate, release } = makeGate();
    const running = attempt(runner, task("untilReleased"), { gate, value: 1 }, { timeoutMs: 60_000 });
    await running.started;
    const waiting = attempt(runner, task("spin"));
    waiting.control.abort(new Error("enough"));
    expect((await waiting.ended).end).toBe("stopped");
    release();
    expect(await outputOf(running)).toBe(1);
  });
});

describe("the life of a thread", () => {
  it("ends after recycleAfterTasks attempts", async () => {
    const runner = makeRunner({ maxWorkers: 1, recycleAfterTasks: 3 });
    const counts = [];
    for (let round = 0; round < 7; round++) counts.push(await outputOf(attempt(runner, task("countCalls"))));
    expect(counts).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  it("ends when it has grown beyond recycleAfterBytes", async () => {
    const runner = makeRunner({ maxWorkers: 1, recycleAfterBytes: "80MB" });
    const counts = [];
    for (let round = 0; round < 4; round++)
      counts.push(await outputOf(attempt(runner, task("leak"), { bytes: 50_000_000 })));
    expect(counts).toEqual([1, 2, 1, 2]);
  });

  it("ends after idleTimeout, down to minWorkers", async () => {
    const runner = makeRunner({ maxWorkers: 2, minWorkers: 1, idleTimeout: 0.02 });
    await Promise.all(
      [attempt(runner, task("burn"), { ms: 5 }), attempt(runner, task("burn"), { ms: 5 })].map(outputOf),
    );
    await eventually(() => runner.size === 1, "one thread is left");
  });

  it("makes room for a task of another heap limit", async () => {
    const runner = makeRunner({ maxWorkers: 1 });
    for (const memoryBytes of [undefined, 64e6, 128e6, undefined])
      expect(await outputOf(attempt(runner, task("add"), { a: 1, b: 1 }, { memoryBytes }))).toBe(2);
    await eventually(() => runner.size <= 1, "one thread at most");
  });
});

describe("close", () => {
  it("stops what runs and what waits", async () => {
    const runner = makeRunner({ maxWorkers: 1, tasksPerWorker: 1 });
    const all = ["spin", "hang", "add"].map((name) => attempt(runner, task(name)));
    await begun(all[0]!);
    await runner.close();
    for (const { ended } of all) expect((await ended).end).toBe("stopped");
    expect(() => attempt(runner, task("add"))).toThrow(/closed/);
  });

  it("refuses bad options, all at once", () => {
    expect(() => new ThreadRunner({ maxWorkers: 0, idleTimeout: "soon", minWorker: 1 } as never)).toThrow(/3 problems/);
  });
});
