import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Task } from "#src/model/task.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
import { Held } from "../support/held.js";
import { turns } from "../support/turns.js";

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
