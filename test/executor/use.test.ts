/** Tasks that use what pools hold. */
import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { TaskGraph } from "#src/model/graph.js";
import type { Task } from "#src/model/task.js";
import { ResourcePool } from "#src/optimize/pool/resource-pool.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

function world(max = 2) {
  const clock = new SimulatedClock();
  const ended: number[] = [];
  let made = 0;
  const pool = new ResourcePool<number>(
    { name: "numbers", max, create: () => ++made, destroy: (number) => void ended.push(number) },
    { clock },
  );
  const executor = (config: ConstructorParameters<typeof ParallelExecutor>[0] = {}) =>
    new ParallelExecutor(config, { clock, random: seededRandom(1) });
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
  return { clock, pool, ended, executor, pause };
}

describe("use", () => {
  test("gives a function the resource as an input, typed by its pool, and gives it back however it ends", async () => {
    const { clock, pool, executor } = world();
    const graph = new TaskGraph();
    const one = graph.task("one", ({ number }) => number.toFixed(1), { use: { number: pool } });
    graph.task(
      "two",
      { one, twice: 2 },
      ({ one, twice, number }) => {
        throw new Error(`${one.length + twice * number}`);
      },
      { use: { number: pool } },
    );
    const each = graph.forEach("each", { items: [10, 20] }, ({ item, number }) => item + number, {
      use: { number: pool },
      concurrency: 1,
    });
    // @ts-expect-error: a pool of numbers gives no text.
    graph.task("wrong", ({ number }) => number.toUpperCase(), { use: { number: pool }, when: () => false });
    const results = await clock.runUntil(executor({ mode: "sequential" }).executeTasks(graph));
    expect(results.get(one).output).toBe("1.0");
    expect(results.get("two")?.error?.message).toBe("5");
    expect(results.get(each).output).toEqual([11, 21]);
    expect(pool.stats()).toMatchObject({ held: 0, idle: 1, acquired: 4 });
  });

  test("makes waiting for a pool queueing: no clock runs, and no slot is taken from others", async () => {
    const { clock, pool, executor, pause } = world(1);
    const users = [0, 1, 2].map(
      (n): Task => ({
        id: `user ${n}`,
        use: { number: pool },
        timeout: 0.15,
        run: () => pause(100),
      }),
    );
    const results = await clock.runUntil(
      executor({ maxConcurrentTasks: 2 }).executeTasks([...users, { id: "other", run: () => pause(50) }]),
    );
    expect([...results.values()].map(({ status }) => status)).toEqual(new Array(4).fill("succeeded"));
    expect([0, 1, 2].map((n) => results.get(`user ${n}`)?.queuedTime)).toEqual([0, 0.1, 0.2]);
    expect(results.get("other")?.queuedTime).toBe(0);
  });

  test("waits within the run where others hold what the pool has", async () => {
    const { clock, pool, executor } = world(1);
    const lease = await pool.acquire();
    clock.schedule(300, () => lease.release());
    const results = await clock.runUntil(
      executor().executeTasks([{ id: "user", use: { number: pool }, timeout: 0.1, run: ({ number }) => number }]),
    );
    expect(results.get("user")).toMatchObject({ output: 1, queuedTime: 0.3, executionTime: 0 });
  });

  test("destroys what a timed-out or cancelled attempt held", async () => {
    const { clock, pool, ended, executor, pause } = world(2);
    const run = executor().run([
      { id: "late", use: { number: pool }, timeout: 0.05, run: () => pause(1000) },
      { id: "unwanted", use: { number: pool }, run: () => pause(1000) },
      { id: "waiting", use: { number: pool }, run: () => pause(1) },
    ]);
    clock.schedule(20, () => run.cancelTask("unwanted"));
    const results = await clock.runUntil(run.results);
    expect([...results.values()].map(({ status }) => status)).toEqual(["timed-out", "cancelled", "succeeded"]);
    await clock.advance(0);
    expect(ended.sort()).toEqual([1, 2]);
  });

  test("gives up waiting when the task is cancelled", async () => {
    const { clock, pool, executor } = world(1);
    const lease = await pool.acquire({ holder: "the test" });
    const run = executor().run([{ id: "user", use: { number: pool }, run: ({ number }) => number }]);
    clock.schedule(20, () => run.cancel("enough"));
    expect((await clock.runUntil(run.results)).get("user")?.status).toBe("cancelled");
    expect(pool.stats().waiting).toBe(0);
    await lease.release();
  });

  test("never has two tasks wait for what the other holds", async () => {
    const { clock, pool, executor, pause } = world(1);
    const other = new ResourcePool<string>({ name: "texts", max: 1, create: () => "text" }, { clock });
    const tasks = Array.from(
      { length: 10 },
      (_, n): Task => ({
        id: `${n}`,
        use: n % 2 === 0 ? { number: pool, text: other } : { text: other, number: pool },
        run: () => pause(5),
      }),
    );
    // Two runs, because one alone would not start them together.
    const runs = [executor().executeTasks(tasks), executor().executeTasks(tasks)];
    for (const results of await clock.runUntil(Promise.all(runs)))
      expect([...results.values()].every(({ success }) => success)).toBe(true);
  });

  test("prefers the resource that served the task's affinity before", async () => {
    const { clock, pool, executor } = world(2);
    const tasks = ["a", "b", "a", "b", "b", "a"].map(
      (affinity, n): Task => ({
        id: `${n}`,
        affinity,
        use: { number: pool },
        run: ({ number }) => number,
      }),
    );
    const both = await Promise.all([pool.acquire({ affinity: "a" }), pool.acquire({ affinity: "b" })]);
    await Promise.all(both.map((lease) => lease.release()));
    const results = await clock.runUntil(executor({ mode: "sequential" }).executeTasks(tasks));
    expect([...results.values()].map(({ output }) => output)).toEqual([1, 2, 1, 2, 2, 1]);
  });

  test("names its holder, and says what is wrong", async () => {
    const { clock, pool, executor } = world();
    const seen: string[] = [];
    await clock.runUntil(
      executor().executeTasks([
        {
          id: "user",
          use: { number: pool },
          run: () => void seen.push(...pool.stats().holders.map(({ holder }) => holder)),
        },
      ]),
    );
    expect(seen).toEqual(['task "user"']);
    const bad = [
      { id: "command", run: { kind: "command", argv: ["true"], options: {} }, use: { number: pool } },
      { id: "twice", run: () => 1, use: { one: pool, two: pool } },
      { id: "clash", run: () => 1, with: { number: 1 }, use: { number: pool } },
      { id: "nothing", run: () => 1, use: { number: 7 } },
    ] as unknown as Task[];
    expect(() => executor().run(bad)).toThrow(
      /only a function[\s\S]*names a pool that the task uses already[\s\S]*is the name of an input too[\s\S]*takes a ResourcePool/,
    );
  });
});
