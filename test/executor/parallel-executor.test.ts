import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { command } from "#src/model/describe.js";
import { InvalidGraphError, InvalidOptionError, OrchestratorError } from "#src/model/error.js";
import type { RunEvent } from "#src/model/event.js";
import type { Task } from "#src/model/task.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
import { turns } from "../support/turns.js";

/** A task that a test releases by hand. */
class Held {
  started = 0;
  running = 0;
  peak = 0;
  readonly #release: (() => void)[] = [];

  readonly run = (): Promise<string> =>
    new Promise((resolve) => {
      this.started++;
      this.running++;
      this.peak = Math.max(this.peak, this.running);
      this.#release.push(() => {
        this.running--;
        resolve("held");
      });
    });

  releaseOne(): void {
    this.#release.shift()?.();
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

describe("order", () => {
  test("a task starts the moment its own dependencies have succeeded, without waiting for its layer", async () => {
    const slow = new Held();
    const started: string[] = [];
    const note = (id: string) => () => void started.push(id);
    const run = new ParallelExecutor().run([
      { id: "slow", run: slow.run },
      { id: "quick", run: note("quick") },
      { id: "after-quick", run: note("after-quick"), dependsOn: ["quick"] },
      { id: "after-both", run: note("after-both"), dependsOn: ["slow", "quick"] },
    ]);
    await turns();
    expect(started).toEqual(["quick", "after-quick"]);
    slow.releaseOne();
    await run.results;
    expect(started).toEqual(["quick", "after-quick", "after-both"]);
  });

  test("starts by priority, then by the longest path that remains, then in order of insertion", async () => {
    const started: string[] = [];
    const task = (id: string, more: Partial<Task> = {}): Task => ({ id, run: () => void started.push(id), ...more });
    await new ParallelExecutor({ mode: "sequential" }).executeTasks([
      task("first"),
      task("long"),
      task("long-2", { dependsOn: ["long"] }),
      task("long-3", { dependsOn: ["long-2"] }),
      task("urgent", { priority: 1 }),
      task("last", { priority: -1 }),
    ]);
    expect(started).toEqual(["urgent", "long", "long-2", "first", "long-3", "last"]);
  });

  test("gives named inputs, constants, and the results of what a task depends on", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "two", run: () => 2 },
      { id: "three", run: async () => 3 },
      {
        id: "sum",
        inputs: { left: "two", right: "three" },
        with: { factor: 10 },
        run: ({ left, right, factor }: { left: number; right: number; factor: number }) => (left + right) * factor,
      } as Task,
      {
        id: "told",
        dependsOn: ["sum"],
        run: (_inputs, context) => [
          context.output("sum"),
          context.result("sum").status,
          context.taskId,
          context.attempt,
        ],
      },
      { id: "nosy", run: (_inputs, context) => context.output("sum") },
    ]);
    expect(results.get("sum")).toMatchObject({ success: true, output: 50, attempts: 1, workerId: "inline" });
    expect(results.get("told")).toMatchObject({ output: [50, "succeeded", "told", 1] });
    expect(results.get("nosy")?.error).toBeInstanceOf(RangeError);
  });
});

describe("limits", () => {
  test("never more attempts at once than maxConcurrentTasks", async () => {
    const held = new Held();
    const run = new ParallelExecutor({ maxConcurrentTasks: 3 }).run(
      Array.from({ length: 10 }, (_, index) => ({ id: `t${index}`, run: held.run })),
    );
    for (let released = 0; released < 10; released++) {
      await turns();
      expect(held.running).toBeLessThanOrEqual(3);
      held.releaseOne();
    }
    await run.results;
    expect(held.peak).toBe(3);
  });

  test("mode sequential is one at a time, and executeTasksParallel is parallel all the same", async () => {
    const executor = new ParallelExecutor({ mode: "sequential", maxConcurrentTasks: 3 });
    for (const [method, peak] of [
      ["executeTasks", 1],
      ["executeTasksParallel", 3],
    ] as const) {
      const held = new Held();
      const done = executor[method](Array.from({ length: 5 }, (_, index) => ({ id: `t${index}`, run: held.run })));
      for (let released = 0; released < 5; released++) {
        await turns();
        held.releaseOne();
      }
      await done;
      expect(held.peak).toBe(peak);
    }
  });

  test("small tasks use what a big one does not need, and do not keep it from starting", async () => {
    const clock = new SimulatedClock();
    const order: string[] = [];
    const lasting = (id: string, seconds: number, cpu: number): Task => ({
      id,
      resources: { cpu },
      run: () => {
        order.push(id);
        return new Promise<void>((resolve) => clock.schedule(seconds * 1000, resolve));
      },
    });
    const small = Array.from({ length: 50 }, (_, index) => lasting(`small-${index}`, 2 + (index % 3), 1));
    const tasks = [lasting("first", 3, 2), lasting("big", 1, 3), ...small];
    const executor = new ParallelExecutor({ maxConcurrentTasks: 100, resourceLimits: { maxCpuCores: 4 } }, { clock });
    const results = await clock.runUntil(executor.executeTasks(tasks));
    expect([...results.values()].every((result) => result.success)).toBe(true);
    // One core beside the reservation of three is all that small tasks get until "first" has ended.
    expect(order.slice(0, 2)).toEqual(["first", "small-0"]);
    expect(results.get("big")!.startedAt).toBe(3000);
  });

  test("a custom resource is counted, and one that nobody declared is refused", async () => {
    const held = new Held();
    const executor = new ParallelExecutor({ resourceLimits: { gpu: 1 } });
    const run = executor.run([1, 2, 3].map((index) => ({ id: `t${index}`, run: held.run, resources: { gpu: 1 } })));
    for (let released = 0; released < 3; released++) {
      await turns();
      expect(held.running).toBe(1);
      held.releaseOne();
    }
    await run.results;
    expect(() => executor.run([{ id: "a", run: never, resources: { tpu: 1 } }])).toThrow(
      /resource "tpu", which resourceLimits does not name; known: cpu, memory, gpu/,
    );
    expect(() => executor.run([{ id: "a", run: never, resources: { gpu: 2 } }])).toThrow(
      /asks for 2 of gpu, but the limit is 1: it could never start/,
    );
  });
});

describe("failures", () => {
  test("end their own task only, and dependents are skipped with the cause named", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "bad", run: () => Promise.reject(new TypeError("no such column")) },
      { id: "child", run: () => 1, dependsOn: ["bad"] },
      { id: "grandchild", run: () => 1, dependsOn: ["child"] },
      { id: "other", run: () => "fine" },
    ]);
    expect(results.get("bad")).toMatchObject({ status: "failed", reason: { kind: "error" } });
    expect(results.get("bad")?.error).toBeInstanceOf(TypeError);
    expect(results.get("grandchild")).toMatchObject({
      status: "skipped",
      attempts: 0,
      reason: { kind: "dependency", taskId: "child", status: "skipped", rootTaskId: "bad" },
    });
    expect(results.get("grandchild")?.error?.message).toBe(
      'task "grandchild" was skipped: "child" was skipped, because "bad" failed: no such column',
    );
    expect(results.get("other")).toMatchObject({ success: true, output: "fine" });
  });

  test("what is thrown and is no error is told all the same", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "text", run: () => Promise.reject("just text") },
      { id: "nothing", run: () => Promise.reject() },
    ]);
    expect(String(results.get("text")?.error)).toBe("Error: just text");
    expect(results.get("nothing")?.error).toBeInstanceOf(Error);
  });

  test("fail-fast cancels the rest, runs clean-up, and returns what was done", async () => {
    const results = await new ParallelExecutor({ failurePolicy: "fail-fast", maxConcurrentTasks: 2 }).executeTasks([
      { id: "done", run: () => 1, priority: 3 },
      { id: "bad", run: () => Promise.reject(new Error("x")), priority: 2 },
      {
        id: "running",
        run: (_inputs, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        priority: 2,
      },
      { id: "waiting", run: () => 1 },
      { id: "clean-up", run: () => "cleaned", dependsOn: ["bad", "running"], trigger: "any-failed" },
    ]);
    const statuses = Object.fromEntries([...results].map(([id, result]) => [id, result.status]));
    expect(statuses).toEqual({
      done: "succeeded",
      bad: "failed",
      running: "cancelled",
      waiting: "cancelled",
      "clean-up": "succeeded",
    });
    expect(results.get("waiting")).toMatchObject({ reason: { kind: "cancelled", by: "fail-fast" } });
  });

  test("triggers and conditions decide what runs", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "ok", run: () => 1 },
      { id: "bad", run: () => Promise.reject(new Error("x")) },
      {
        id: "always",
        run: (_inputs, context) => context.result("bad").status,
        dependsOn: ["bad", "ok"],
        trigger: "all-done",
      },
      { id: "alert", run: () => "alerted", dependsOn: ["ok", "bad"], trigger: "any-failed" },
      { id: "no-alert", run: () => 1, dependsOn: ["ok"], trigger: "any-failed" },
      { id: "no", run: () => 1, when: () => "not on Sundays", dependsOn: ["ok"] },
      { id: "after-no", run: () => 1, dependsOn: ["no"] },
      { id: "yes", run: () => 1, when: async (context) => context.output("ok") === 1, dependsOn: ["ok"] },
      { id: "broken", run: () => 1, when: () => Promise.reject(new Error("cannot tell")) },
    ]);
    expect(results.get("always")).toMatchObject({ output: "failed" });
    expect(results.get("alert")).toMatchObject({ output: "alerted" });
    expect(results.get("no-alert")).toMatchObject({ status: "skipped", reason: { kind: "trigger" } });
    expect(results.get("no")).toMatchObject({
      status: "skipped",
      reason: { kind: "condition", detail: "not on Sundays" },
    });
    expect(results.get("after-no")).toMatchObject({ status: "skipped", reason: { kind: "dependency", taskId: "no" } });
    expect(results.get("yes")).toMatchObject({ status: "succeeded" });
    expect(results.get("broken")).toMatchObject({ status: "failed" });
    expect(results.get("broken")?.error?.message).toBe("cannot tell");
  });
});

describe("time", () => {
  test("retries with growing delays under a ceiling, jitter by the given numbers", async () => {
    const clock = new SimulatedClock();
    const at: number[] = [];
    const executor = new ParallelExecutor({}, { clock, random: () => 0.5 });
    const results = await clock.runUntil(
      executor.executeTasks([
        {
          id: "flaky",
          retries: { attempts: 5, delay: 1, factor: 3, maxDelay: "10s" },
          run: () => {
            at.push(clock.now() / 1000);
            throw new Error(`failure ${at.length}`);
          },
        },
      ]),
    );
    // Half of 1, 3, 9 and 10 seconds.
    expect(at).toEqual([0, 0.5, 2, 6.5, 11.5]);
    expect(results.get("flaky")).toMatchObject({ status: "failed", attempts: 5 });
    expect(results.get("flaky")?.error?.message).toBe("failure 5");
  });

  test("retryIf is asked with the error, and ends the task when it says no or throws", async () => {
    const tries: string[] = [];
    const failing = (id: string, retryIf: (error: Error, attempt: number) => boolean): Task => ({
      id,
      retries: { attempts: 4, delay: 0, retryIf },
      run: () => {
        tries.push(id);
        throw new Error(id);
      },
    });
    const results = await new ParallelExecutor().executeTasks([
      failing("twice", (error, attempt) => error.message === "twice" && attempt < 2),
      failing("confused", () => {
        throw new Error("what?");
      }),
    ]);
    expect(tries.sort()).toEqual(["confused", "twice", "twice"]);
    expect(results.get("confused")?.error?.message).toBe("what?");
  });

  test("an attempt's clock starts with the attempt; a late answer is dropped", async () => {
    const clock = new SimulatedClock();
    const aborted: unknown[] = [];
    const executor = new ParallelExecutor({ maxConcurrentTasks: 1, taskTimeout: 2 }, { clock });
    const results = await clock.runUntil(
      executor.executeTasks([
        { id: "a", run: () => new Promise((resolve) => clock.schedule(1900, () => resolve("in time"))) },
        {
          id: "b",
          run: (_inputs, { signal }) => {
            signal.addEventListener("abort", () => aborted.push((signal.reason as OrchestratorError).code));
            return new Promise((resolve) => clock.schedule(3000, () => resolve("too late")));
          },
        },
        { id: "c", run: () => "after b", timeout: "1h" },
      ]),
    );
    expect(results.get("a")).toMatchObject({ success: true, queuedTime: 0 });
    expect(results.get("b")).toMatchObject({
      status: "timed-out",
      queuedTime: 1.9,
      executionTime: 2,
      reason: { kind: "timeout", scope: "attempt", limitSeconds: 2 },
    });
    expect(results.get("b")?.error?.message).toBe('task "b" timed out: an attempt ran into its timeout of 2s');
    expect(results.get("c")).toMatchObject({ success: true, queuedTime: 3.9 });
    expect(aborted).toEqual(["TASK_TIMEOUT"]);
  });

  test("a total limit ends retries, and no delay is waited for that would outlast it", async () => {
    const clock = new SimulatedClock();
    const executor = new ParallelExecutor({}, { clock });
    const results = await clock.runUntil(
      executor.executeTasks([
        {
          id: "hangs",
          run: never,
          timeout: 2,
          totalTimeout: 5,
          retries: { attempts: 10, delay: 0.5, factor: 1, jitter: false },
        },
        {
          id: "fails",
          run: () => Promise.reject(new Error("at once")),
          totalTimeout: 5,
          retries: { attempts: 10, delay: 3, factor: 1, jitter: false },
        },
      ]),
    );
    expect(results.get("hangs")).toMatchObject({ status: "timed-out", attempts: 2, endedAt: 4500 });
    expect(results.get("fails")).toMatchObject({ status: "failed", attempts: 2, endedAt: 3000 });
  });
});

describe("cancellation", () => {
  test("drains: waiting tasks end at once, running ones are told, and everything done is returned", async () => {
    const run = new ParallelExecutor({ maxConcurrentTasks: 2 }).run([
      { id: "done", run: () => "kept" },
      {
        id: "running",
        run: (_inputs, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        dependsOn: ["done"],
      },
      { id: "deaf", run: never, dependsOn: ["done"] },
      { id: "waiting", run: () => 1, dependsOn: ["running"] },
    ]);
    await turns();
    run.cancel("changed my mind");
    run.cancel("twice is once");
    const results = await run.results;
    expect([...results].map(([id, { status }]) => `${id} ${status}`)).toEqual([
      "done succeeded",
      "running cancelled",
      "deaf cancelled",
      "waiting cancelled",
    ]);
    expect(results.get("waiting")?.error?.message).toBe('task "waiting" was cancelled: changed my mind');
  });

  test("is told with the first reason, though attempts take their time to stop", async () => {
    await using executor = new ParallelExecutor();
    const run = executor.run([
      { id: "slow to stop", run: command(["sh", "-c", "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done"]) },
      { id: "after", run: () => 1, dependsOn: ["slow to stop"] },
    ]);
    for await (const event of run) if (event.type === "attempt-started") break;
    run.cancel("the first reason");
    run.cancel("another");
    expect((await run.results).get("after")?.error?.message).toBe('task "after" was cancelled: the first reason');
  });

  test("by a signal, before the start or later", async () => {
    const executor = new ParallelExecutor();
    const early = await executor.executeTasks([{ id: "a", run: () => 1 }], {
      signal: AbortSignal.abort(new Error("no")),
    });
    expect(early.get("a")).toMatchObject({ status: "cancelled", attempts: 0 });
    const controller = new AbortController();
    const later = executor.executeTasks([{ id: "a", run: never }], { signal: controller.signal });
    await turns();
    controller.abort(new Error("enough"));
    expect((await later).get("a")?.error?.message).toBe('task "a" was cancelled: enough');
  });

  test("of one task skips its dependents and leaves the rest", async () => {
    const run = new ParallelExecutor().run([
      { id: "a", run: never },
      { id: "b", run: () => 1, dependsOn: ["a"] },
      { id: "c", run: () => 1 },
    ]);
    await turns();
    run.cancelTask("a");
    expect([...(await run.results)].map(([id, { status }]) => `${id} ${status}`)).toEqual([
      "a cancelled",
      "b skipped",
      "c succeeded",
    ]);
    expect(() => run.cancelTask("z")).toThrow(RangeError);
  });

  test("by closing the executor, which then takes no more", async () => {
    const executor = new ParallelExecutor();
    const run = executor.run([{ id: "a", run: never }]);
    await turns();
    await executor.close();
    expect((await run.results).get("a")).toMatchObject({ status: "cancelled", reason: { by: "shutdown" } });
    expect(() => executor.run([])).toThrow(OrchestratorError);
  });

  test("by leaving the scope of a run", async () => {
    let results: Promise<ReadonlyMap<string, { status: string }>>;
    {
      await using run = new ParallelExecutor().run([{ id: "a", run: never }]);
      results = run.results;
    }
    expect((await results).get("a")).toMatchObject({ status: "cancelled" });
  });
});

describe("events", () => {
  test("tell every change in order, numbered, and end with the run", async () => {
    const events: RunEvent[] = [];
    const run = new ParallelExecutor().run(
      [
        {
          id: "a",
          run: (_inputs, context) => {
            context.progress(0.5);
            context.log("half way");
          },
        },
        { id: "b", run: () => 1, dependsOn: ["a"] },
      ],
      { runId: "r1" },
    );
    for await (const event of run) events.push(event);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index));
    expect(events.map(({ type, taskId }) => (taskId === undefined ? type : `${type} ${taskId}`))).toEqual([
      "run-started",
      "task-ready a",
      "attempt-started a",
      "attempt-progress a",
      "attempt-log a",
      "attempt-ended a",
      "task-ended a",
      "task-ready b",
      "attempt-started b",
      "attempt-ended b",
      "task-ended b",
      "run-ended",
    ]);
    expect(events.at(-1)).toMatchObject({ runId: "r1", counts: { succeeded: 2, failed: 0 } });
    for await (const _ of run) throw new Error("a run that has ended has no more events");
  });

  test("the first event tells the tasks and what they depend on, and an addition tells its own", async () => {
    const events: RunEvent[] = [];
    const executor = new ParallelExecutor({ monitor: { observe: (event) => void events.push(event) } });
    await executor.executeTasks([
      { id: "load:1", run: () => 1 },
      {
        id: "b",
        name: "kind",
        inputs: { rows: "load:1" },
        run: (_inputs, context) =>
          context
            .spawn([
              { id: "b[0]", run: () => 1, dependsOn: ["load:1"] },
              { id: "b[1]", run: () => 2, inputs: { x: "b[0]", y: "b[0]" } },
            ])
            .results(),
      },
    ]);
    const [started] = events;
    if (started?.type !== "run-started" || started.outline === undefined) throw new Error("no outline");
    const { outline } = started;
    const told = Array.from({ length: outline.size }, (_, task) => [
      outline.taskId(task),
      outline.name(task),
      [...Array.from(outline.dependencies(task))],
    ]);
    expect(told).toEqual([
      ["load:1", "load", []],
      ["b", "kind", [0]],
    ]);
    expect(events.find(({ type }) => type === "tasks-added")).toMatchObject({
      taskIds: ["b[0]", "b[1]"],
      added: [
        { name: "b", dependsOn: ["load:1"] },
        { name: "b", dependsOn: ["b[0]"] },
      ],
    });
  });

  test("an observer that throws does not harm the run", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const executor = new ParallelExecutor({
      monitor: {
        observe(event) {
          if (event.type === "run-started") throw new Error("observer is ill");
        },
      },
    });
    expect((await executor.executeTasks([{ id: "a", run: () => 1 }])).get("a")).toMatchObject({ success: true });
    expect((await warned).message).toContain("observer is ill");
  });
});

describe("bad input starts nothing", () => {
  test("and all of it is told at once", () => {
    let started = 0;
    const run = () => void started++;
    const graph = [
      { id: "a", run, dependsOn: ["c"] },
      { id: "b", run, dependsOn: ["a"] },
      { id: "c", run, dependsOn: ["b"] },
      { id: "load", run, dependsOn: ["laod"] },
      { id: "load", run },
      {
        id: "x",
        run: 3,
        retries: -1,
        prio: 1,
        timeout: "soon",
        trigger: "never",
        priority: 1.5,
        expectedDuration: -1,
        resources: { memory: "lots" },
      },
    ] as unknown as Task[];
    const executor = new ParallelExecutor();
    expect(() => executor.run(graph)).toThrow(InvalidGraphError);
    try {
      executor.run(graph);
    } catch (error) {
      const problems = (error as InvalidGraphError).problems.map(({ where, message }) => `${where}: ${message}`);
      expect(problems.sort()).toMatchInlineSnapshot(`
        [
          "graph: has a cycle: b -> c -> a -> b",
          "task load: depends on "laod", which is not in the graph; did you mean "load"?",
          "task load: has the same id as another task of the graph; ids are unique",
          "task x: expectedDuration: -1 is not a finite number from 0; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"",
          "task x: priority: takes an integer from -1000000 to 1000000, got 1.5",
          "task x: resources.memory: "lots" has no known unit; takes bytes as a number, or a string such as "512MB" (10^6) or "512MiB" (2^20)",
          "task x: retries: takes an integer from 0 to 1000000 or a retry policy, got -1",
          "task x: run: takes a function, or work made by worker(), subprocess(), command(), code(), batch() or deferred()",
          "task x: timeout: "soon" has no known unit; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"",
          "task x: trigger: takes one of all-succeeded, all-done, any-failed, got "never"",
          "task x: unknown option "prio"; known: id, run, dependsOn, inputs, with, name, version, priority, retries, timeout, totalTimeout, resources, trigger, when, expectedDuration, sandbox, affinity, use, cache",
        ]
      `);
    }
    expect(started).toBe(0);
  });

  test("of a configuration, with the option's name and what it takes", () => {
    const config = {
      maxWorkers: 0,
      maxConcurrentTasks: 2.5,
      taskTimout: 3,
      mode: "quick",
      resourceLimits: { maxMemory: "4 elephants", cpu: 2 },
      retries: { attempts: 0 },
    };
    expect(() => new ParallelExecutor(config as never)).toThrow(InvalidOptionError);
    try {
      new ParallelExecutor(config as never);
    } catch (error) {
      expect((error as Error).message).toMatchInlineSnapshot(`
        "invalid option: 7 problems
          - taskTimout: unknown option; did you mean "taskTimeout"?
          - mode: takes one of "sequential", "parallel", "sandboxed", got "quick"
          - maxConcurrentTasks: takes an integer from 1 to 1000000, got 2.5
          - maxWorkers: takes an integer from 1 to 1024, got 0
          - resourceLimits.cpu: is given as maxCpuCores
          - resourceLimits.maxMemory: "4 elephants" has no known unit; takes bytes as a number, or a string such as "512MB" (10^6) or "512MiB" (2^20)
          - retries.attempts: takes an integer from 1 to 1000000, got 0"
      `);
    }
  });

  test("of a run's options", () => {
    expect(() => new ParallelExecutor().run([], { runId: "a/b" })).toThrow(/run.runId: takes 1 to 200 letters/);
    expect(() => new ParallelExecutor().run([null as never])).toThrow(/takes tasks, objects with id and run, got null/);
    expect(() => new ParallelExecutor().run({} as never)).toThrow(/tasks: takes an array of tasks or a TaskGraph/);
  });

  test("mode sandboxed refuses what cannot be sandboxed", () => {
    expect(() => new ParallelExecutor({ mode: "sandboxed" }).run([{ id: "a", run: () => 1 }])).toThrow(
      /a function cannot be sandboxed/,
    );
  });
});

describe("size", () => {
  test("a chain of 200,000 tasks that end at once does not overflow the stack, and lets the event loop turn", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const tasks: Task[] = Array.from({ length: 200_000 }, (_, index) => ({
      id: `t${index}`,
      run: () => index,
      dependsOn: index === 0 ? [] : [`t${index - 1}`],
    }));
    const results = await new ParallelExecutor().executeTasks(tasks);
    clearInterval(timer);
    expect(results.size).toBe(200_000);
    expect(results.get("t199999")).toMatchObject({ success: true, output: 199_999 });
    expect(turns).toBeGreaterThan(0);
  });

  test("a failure at the head of a chain of 100,000 skips all of it", async () => {
    const tasks: Task[] = Array.from({ length: 100_000 }, (_, index) => ({
      id: `t${index}`,
      run: () => Promise.reject(new Error("head")),
      dependsOn: index === 0 ? [] : [`t${index - 1}`],
    }));
    const results = await new ParallelExecutor().executeTasks(tasks);
    expect(results.get("t99999")).toMatchObject({ status: "skipped", reason: { rootTaskId: "t0" } });
  });

  test("an empty graph ends", async () => {
    expect((await new ParallelExecutor().executeTasks([])).size).toBe(0);
  });
});
