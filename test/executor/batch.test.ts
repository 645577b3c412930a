/** Batch tasks in graphs: gathered, served item by item, and never waiting for what cannot come. */
import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { type BatchOptions, batch } from "#src/model/batch.js";
import { TaskGraph } from "#src/model/graph.js";
import type { Task } from "#src/model/task.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

type Item = { readonly n: number };

/** Work that doubles, and the items of each of its calls. */
function doubling(options?: BatchOptions) {
  const calls: number[][] = [];
  const work = batch(
    "double",
    (items: readonly Item[]) => {
      calls.push(items.map(({ n }) => n));
      return items.map(({ n }) => 2 * n);
    },
    options,
  );
  return { calls, work };
}

const tasksOf = (run: Task["run"], numbers: readonly number[]): Task[] =>
  numbers.map((n) => ({ id: `t${n}`, run, with: { n } }));

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** On a clock that stands still: whatever waits for time never ends. */
function frozen(config: ConstructorParameters<typeof ParallelExecutor>[0] = {}) {
  const clock = new SimulatedClock();
  return { clock, executor: new ParallelExecutor(config, { clock, random: seededRandom(1) }) };
}

describe("batch tasks", () => {
  test("are served together, each with its own result", async () => {
    const { calls, work } = doubling({ batchSize: 4 });
    const { executor } = frozen({ maxConcurrentTasks: 8 });
    const results = await executor.executeTasks(tasksOf(work, upTo(10)));
    expect(upTo(10).map((n) => results.get(`t${n}`)?.output)).toEqual(upTo(10).map((n) => 2 * n));
    expect(calls.map(({ length }) => length)).toEqual([4, 4, 2]);
  });

  test("are typed by their handler in a graph", async () => {
    const { work } = doubling();
    const graph = new TaskGraph();
    const n = graph.task("n", () => 20);
    const double = graph.task("double", { n }, work);
    const text = graph.task("text", { double }, ({ double }) => double.toFixed(1));
    // @ts-expect-error: the handler takes numbers.
    graph.task("wrong", { n: "one" }, work);
    const results = await frozen().executor.executeTasks(graph);
    expect(results.get(text).output).toBe("40.0");
  });

  test("do not wait when nothing else can come", async () => {
    const { calls, work } = doubling({ batchSize: 10, maxWait: "1h" });
    const { executor } = frozen();
    await executor.executeTasks(tasksOf(work, [1]));
    // A chain: each could only be joined by those that wait for it.
    const chain = upTo(50).map((n): Task => ({ ...tasksOf(work, [n])[0]!, dependsOn: n === 0 ? [] : [`t${n - 1}`] }));
    await executor.executeTasks(chain);
    expect(calls.map(({ length }) => length)).toEqual(new Array(51).fill(1));
  });

  test("do not wait for what depends on them, though something else goes on", async () => {
    const { calls, work } = doubling({ batchSize: 10, maxWait: "1h" });
    const { executor } = frozen();
    let end = (): void => undefined;
    const graph: Task[] = [
      { id: "long", run: () => new Promise<void>((resolve) => (end = resolve)) },
      ...tasksOf(work, [1]),
      { id: "then", run: work, inputs: { n: "t1" } },
    ];
    const run = executor.run(graph);
    for await (const event of run) if (event.type === "task-ended" && event.taskId === "then") end();
    expect(calls).toEqual([[1], [2]]);
  });

  test("wait for those that may come, until the last of them is there or can be no more", async () => {
    const { calls, work } = doubling({ batchSize: 10, maxWait: "1h" });
    const { clock, executor } = frozen();
    const sources = upTo(5).map(
      (n): Task => ({
        id: `s${n}`,
        run: async () => {
          await new Promise<void>((resolve) => void clock.schedule(10 * n, resolve));
          if (n === 4) throw new Error("no luck");
          return n;
        },
      }),
    );
    const graph = [...sources, ...upTo(5).map((n): Task => ({ id: `t${n}`, run: work, inputs: { n: `s${n}` } }))];
    const results = await clock.runUntil(executor.executeTasks(graph));
    expect(results.get("t3")?.output).toBe(6);
    expect(results.get("t4")?.status).toBe("skipped");
    expect(calls).toEqual([[0, 1, 2, 3]]);
  });

  test("wait no longer than maxWait", async () => {
    const { calls, work } = doubling({ batchSize: 10, maxWait: "15ms" });
    const { clock, executor } = frozen();
    const late: Task = {
      id: "late",
      run: () => new Promise<number>((resolve) => void clock.schedule(500, () => resolve(7))),
    };
    const graph = [late, ...tasksOf(work, [1, 2]), { id: "last", run: work, inputs: { n: "late" } }];
    const results = await clock.runUntil(executor.executeTasks(graph));
    expect(calls).toEqual([[1, 2], [7]]);
    expect(results.get("t1")?.queuedTime).toBe(0.015);
    expect(results.get("t1")?.executionTime).toBe(0);
    expect(results.get("t1")?.startedAt).toBe(15);
  });

  test("of two keys do not wait for each other for ever", async () => {
    const graph: Task[] = ["left", "right"].flatMap((key) => {
      const work = batch(key, (items: readonly Item[]) => items.map(({ n }) => n), { maxWait: "1h" });
      const other = key === "left" ? "right" : "left";
      return [
        { id: key, run: work, with: { n: 1 } },
        { id: `after ${other}`, run: work, inputs: { n: other } },
      ];
    });
    const results = await frozen().executor.executeTasks(graph);
    expect([...results.values()].map(({ status }) => status)).toEqual(new Array(4).fill("succeeded"));
  });

  test("that fail, fail alone where the handler says so or may be called again", async () => {
    const work = batch("picky", (items: readonly Item[]) =>
      items.map(({ n }) => (n === 2 ? new RangeError("two") : n)),
    );
    const throwing = batch(
      "throwing",
      (items: readonly Item[]) => {
        if (items.some(({ n }) => n === 2)) throw new RangeError("two");
        return items.map(({ n }) => n);
      },
      { bisect: true },
    );
    for (const run of [work, throwing]) {
      const results = await frozen().executor.executeTasks(tasksOf(run, upTo(5)));
      expect([...results.values()].map(({ status }) => status)).toEqual([
        "succeeded",
        "succeeded",
        "failed",
        "succeeded",
        "succeeded",
      ]);
      expect(results.get("t2")?.error).toBeInstanceOf(RangeError);
    }
  });

  test("are retried, time out and are cancelled by themselves", async () => {
    const { clock, executor } = frozen({ maxConcurrentTasks: 10 });
    let calls = 0;
    let signal: AbortSignal | undefined;
    const work = batch("flaky", async (items: readonly Item[], context) => {
      calls++;
      if (calls > 1) return items.map(({ n }) => (n === 0 ? 0 : new Error("flaky")));
      signal = context.signal;
      await new Promise<void>((resolve) => void clock.schedule(100, resolve));
      return items.map(({ n }) => (n === 0 ? new Error("once") : n));
    });
    const run = executor.run([
      { id: "t0", run: work, with: { n: 0 }, retries: { attempts: 2, delay: 1, jitter: false } },
      { id: "t1", run: work, with: { n: 1 }, timeout: 0.05 },
      { id: "t2", run: work, with: { n: 2 } },
      { id: "t3", run: work, with: { n: 3 } },
    ]);
    clock.schedule(70, () => run.cancelTask("t2"));
    const results = await clock.runUntil(run.results);
    expect([...results.values()].map(({ status }) => status)).toEqual([
      "succeeded",
      "timed-out",
      "cancelled",
      "succeeded",
    ]);
    expect(results.get("t0")).toMatchObject({ attempts: 2, output: 0 });
    expect(results.get("t1")?.executionTime).toBe(0.05);
    expect(signal?.aborted).toBe(false);
    expect(calls).toBe(2);
  });

  test("of several runs of one executor are gathered together", async () => {
    const { calls, work } = doubling({ batchSize: 4, maxWait: "1h" });
    const { clock, executor } = frozen();
    const slow = (id: string): Task => ({
      id,
      run: () => new Promise<number>((resolve) => void clock.schedule(10, () => resolve(9))),
    });
    const graphOf = (n: number) => [
      slow("slow"),
      ...tasksOf(work, [n]),
      { id: "late", run: work, inputs: { n: "slow" } },
    ];
    const all = Promise.all([executor.executeTasks(graphOf(1)), executor.executeTasks(graphOf(2))]);
    await clock.runUntil(all);
    expect(calls).toEqual([[1, 2, 9, 9]]);
  });

  test("that tasks add, or that come in a stream, are gathered too", async () => {
    const { calls, work } = doubling({ batchSize: 3, maxWait: "1h" });
    const { executor } = frozen();
    const graph = new TaskGraph();
    const items = graph.task("items", () => upTo(7).map((n) => ({ n })));
    const each = graph.forEach(
      "each",
      { items },
      batch("each", (all: readonly { item: Item }[]) => all.map(({ item }) => item.n)),
    );
    const results = await executor.executeTasks(graph);
    expect(results.get(each).output).toEqual(upTo(7));
    const outputs: unknown[] = [];
    for await (const { output } of executor.stream(tasksOf(work, upTo(7)))) outputs.push(output);
    expect(outputs).toEqual(upTo(7).map((n) => 2 * n));
    expect(calls).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  test("tell how they were served", async () => {
    const { work } = doubling({ batchSize: 4 });
    const run = frozen().executor.run(tasksOf(work, upTo(6)));
    const facts: unknown[] = [];
    for await (const event of run) if (event.type === "attempt-ended") facts.push([event.workerId, event.facts?.batch]);
    const [four, two] = [4, 2].map((size) => ({ key: "double", size, limit: 4 }));
    expect(facts).toEqual([...new Array(4).fill(["batch-1", four]), ...new Array(2).fill(["batch-2", two])]);
  });

  test("of one key have one handler in a graph", () => {
    const tasks = [1, 2].flatMap((n) => tasksOf(doubling().work, [n]));
    expect(() => new ParallelExecutor().run(tasks)).toThrow('task t2: batch "double" has another handler here');
  });

  test("end when their executor is closed", async () => {
    const { executor } = frozen();
    const run = executor.run(
      tasksOf(
        batch("never", () => new Promise<never[]>(() => undefined)),
        [1],
      ),
    );
    for await (const event of run) if (event.type === "attempt-started") void executor.close();
    expect((await run.results).get("t1")?.status).toBe("cancelled");
  });

  test("are refused in mode sandboxed", () => {
    const executor = new ParallelExecutor({ mode: "sandboxed" });
    expect(() => executor.run(tasksOf(doubling().work, [1]))).toThrow("batch work cannot be sandboxed");
  });
});

test("batch() says what is wrong, all at once", () => {
  const make = () => batch("", 3 as never, { batchSize: 0, bisect: "yes" as never });
  expect(make).toThrow(/batch.key[\s\S]*batch.handler[\s\S]*batch.batchSize[\s\S]*batch.bisect/);
});
