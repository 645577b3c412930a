import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { code } from "#src/model/describe.js";
import type { InvalidGraphError } from "#src/model/error.js";
import { TaskGraph } from "#src/model/graph.js";
import type { Task } from "#src/model/task.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
import { turns } from "../support/turns.js";

const never = (): Promise<never> => new Promise(() => undefined);

describe("tasks that add tasks", () => {
  test("wait for them without holding a slot, however deep", async () => {
    const nested =
      (depth: number): Task["run"] =>
      async (_inputs, context) => {
        if (depth === 0) return 1;
        const results = await context
          .spawn([0, 1].map((index) => ({ id: `${context.taskId}.${index}`, run: nested(depth - 1) })))
          .results();
        return [...results.values()].reduce((sum, result) => sum + (result.output as number), 0);
      };
    const results = await new ParallelExecutor({ mode: "sequential" }).executeTasks([{ id: "root", run: nested(6) }]);
    expect(results.get("root")).toMatchObject({ success: true, output: 64 });
    expect(results.size).toBe(127);
  });

  test("several waits at once in one slot do not block one another", async () => {
    const results = await new ParallelExecutor({ mode: "sequential" }).executeTasks([
      {
        id: "root",
        run: async (_inputs, context) => {
          const spawn = (id: string) => context.spawn([{ id, run: async () => id }]).results();
          const both = await Promise.all([spawn("a"), spawn("b")]);
          await turns();
          const later = await spawn("c");
          return [...both.flatMap((map) => [...map.keys()]), ...later.keys()];
        },
      },
    ]);
    expect(results.get("root")).toMatchObject({ output: ["a", "b", "c"] });
  });

  test("may have dependencies among them and on what has ended, within a concurrency of their own", async () => {
    let running = 0;
    let peak = 0;
    const work = async (): Promise<void> => {
      peak = Math.max(peak, ++running);
      await turns();
      running--;
    };
    const results = await new ParallelExecutor({ maxConcurrentTasks: 50 }).executeTasks([
      { id: "before", run: () => "done" },
      {
        id: "root",
        dependsOn: ["before"],
        run: async (_inputs, context) => {
          const many = context.spawn(
            Array.from({ length: 20 }, (_, index) => ({ id: `m${index}`, run: work })),
            { concurrency: 3 },
          );
          const chain = context.spawn([
            { id: "x", run: (_none, child) => child.output("before"), dependsOn: ["before"] },
            { id: "y", run: (_none, child) => child.output("x"), dependsOn: ["x"] },
          ]);
          await many.results();
          return (await chain.results()).get("y")?.output;
        },
      },
    ]);
    expect(results.get("root")).toMatchObject({ output: "done" });
    expect(peak).toBe(3);
  });

  test("are refused as a whole where one is wrong", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "sibling", run: never, timeout: "50ms" },
      {
        id: "root",
        run: (_inputs, context): string[] | undefined => {
          try {
            context.spawn([
              { id: "fine", run: () => 1 },
              { id: "root", run: () => 1 },
              { id: "late", run: () => 1, dependsOn: ["sibling"] },
              { id: "p", run: () => 1, dependsOn: ["q"] },
              { id: "q", run: () => 1, dependsOn: ["p"] },
            ]);
          } catch (error) {
            return (error as InvalidGraphError).problems.map(({ where, message }) => `${where} ${message}`);
          }
          return undefined;
        },
      },
    ]);
    expect(results.get("root")).toMatchObject({
      output: [
        "task root has the id of another task of the run; ids are unique",
        'task late depends on "sibling", which has not ended and was not added by the same task: it could wait for this one',
        "graph has a cycle: q -> p -> q",
      ],
    });
    expect(results.size).toBe(2);
  });

  test("are cancelled when the task that added them fails or times out", async () => {
    const results = await new ParallelExecutor().executeTasks([
      {
        id: "fails",
        run: (_inputs, context) => {
          context.spawn([{ id: "orphan", run: never }]);
          throw new Error("changed my mind");
        },
      },
      {
        id: "slow",
        timeout: "50ms",
        run: (_inputs, context) => context.spawn([{ id: "child", run: never }]).results(),
      },
    ]);
    expect(results.get("orphan")).toMatchObject({ status: "cancelled", reason: { by: "parent" } });
    expect(results.get("slow")).toMatchObject({ status: "timed-out" });
    expect(results.get("child")).toMatchObject({ status: "cancelled", reason: { by: "parent" } });
  });
});

describe("forEach", () => {
  test("gives outputs in order, with retries of each item and at most so many at once", async () => {
    const graph = new TaskGraph();
    let running = 0;
    let peak = 0;
    const failed = new Set<number>();
    const items = graph.task("items", () => [3, 1, 2]);
    const doubled = graph.forEach(
      "double",
      { items, factor: 2 },
      async ({ item, index, factor }) => {
        peak = Math.max(peak, ++running);
        await turns();
        running--;
        if (index === 1 && !failed.has(index)) {
          failed.add(index);
          throw new Error("once");
        }
        return item * factor;
      },
      { concurrency: 2, retries: { attempts: 2, delay: 0 } },
    );
    const sum = graph.task("sum", { doubled }, ({ doubled }) => doubled.reduce((total, value) => total + value, 0));
    const results = await new ParallelExecutor().executeTasks(graph);
    expect(results.get(doubled)).toMatchObject({ output: [6, 2, 4] });
    expect(results.get(sum)).toMatchObject({ output: 12 });
    expect(results.get("double[1]")).toMatchObject({ attempts: 2 });
    expect(peak).toBe(2);
  });

  test("fails after all items have ended, and names those that did not succeed", async () => {
    const graph = new TaskGraph();
    const each = graph.forEach("each", { items: [1, 2, 3] }, ({ item }) => {
      if (item === 2) throw new RangeError("two is too many");
      return item;
    });
    const results = await new ParallelExecutor().executeTasks(graph);
    expect(results.get(each)).toMatchObject({
      status: "failed",
      reason: { kind: "child-failed", taskIds: ["each[1]"] },
    });
    expect(results.get(each).error?.message).toBe(
      '1 of 3 tasks of "each" did not succeed; the first is "each[1]": two is too many',
    );
    expect(results.get("each[2]")).toMatchObject({ success: true });
  });

  test("is bounded by its items' limits alone, and can be sandboxed", async () => {
    const clock = new SimulatedClock();
    const graph = new TaskGraph();
    const slow = () => new Promise<number>((resolve) => clock.schedule(3000, () => resolve(1)));
    const each = graph.forEach("each", { items: [1, 2, 3] }, slow, { concurrency: 1 });
    const executor = new ParallelExecutor({ taskTimeout: 4, retries: 3 }, { clock });
    const results = await clock.runUntil(executor.executeTasks(graph));
    expect(results.get(each)).toMatchObject({ output: [1, 1, 1], executionTime: 9 });
    const sandboxed = new ParallelExecutor({ mode: "sandboxed" });
    const refused = new TaskGraph();
    refused.forEach("each", { items: [1] }, ({ item }) => item);
    const allowed = new TaskGraph();
    allowed.forEach("each", { items: [] as number[] }, code("python", "inputs['item'] * 2"));
    await expect(sandboxed.executeTasks(refused)).rejects.toThrow(/task each: run: a function cannot be sandboxed/);
    expect((await sandboxed.executeTasks(allowed)).get("each")?.output).toEqual([]);
  });

  test("over nothing gives nothing; over what is no list fails", async () => {
    const graph = new TaskGraph();
    const text = graph.task("text", () => "text" as unknown as string[]);
    const none = graph.forEach("none", { items: [] as number[] }, ({ item }) => item);
    const wrong = graph.forEach("wrong", { items: text }, ({ item }) => item);
    const results = await new ParallelExecutor().executeTasks(graph);
    expect(results.get(none)).toMatchObject({ output: [] });
    expect(results.get(wrong).error?.message).toBe('forEach "wrong" takes an array as its input "items", got string');
  });
});

describe("loop", () => {
  test("goes on until its condition, with what came before", async () => {
    const graph = new TaskGraph();
    const start = graph.task("start", () => 100);
    const found = graph.loop(
      "halve",
      { start },
      ({ start, previous }) => Math.floor(((previous as number | undefined) ?? start) / 2),
      {
        until: (output) => output < 10,
        maxIterations: 20,
      },
    );
    const results = await new ParallelExecutor().executeTasks(graph);
    expect(results.get(found)).toMatchObject({ output: 6 });
    expect(results.has("halve#3")).toBe(true);
    expect(results.has("halve#4")).toBe(false);
  });

  test("fails at its maximum", async () => {
    const graph = new TaskGraph();
    const endless = graph.loop("endless", {}, () => 1, { until: () => false, maxIterations: 3 });
    const results = await new ParallelExecutor().executeTasks(graph);
    expect(results.get(endless)).toMatchObject({ status: "failed", reason: { kind: "loop-limit", iterations: 3 } });
    expect(() => graph.loop("bad", {}, () => 1, { until: () => true, maxIterations: 0 })).toThrow(
      /maxIterations: takes an integer from 1/,
    );
  });
});
