import { describe, expect, test } from "vitest";
import { OptimizedExecutor } from "#src/executor/optimized-executor.js";
import { readProcessStat } from "#src/host/process-identity.js";
import { batch } from "#src/model/batch.js";
import { subprocess, worker } from "#src/model/describe.js";
import type { Task } from "#src/model/task.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
import { processesWith } from "../runner/outside.js";

const module = new URL("../runner/fixtures/tasks.mjs", import.meta.url);

function doubling() {
  const sizes: number[] = [];
  const work = batch("double", (items: readonly { readonly n: number }[]) => {
    sizes.push(items.length);
    return items.map(({ n }) => 2 * n);
  });
  const tasks = (count: number): Task[] =>
    Array.from({ length: count }, (_, n) => ({ id: `t${n}`, run: work, with: { n } }));
  return { sizes, tasks };
}

describe("OptimizedExecutor", () => {
  test("gathers batch tasks into calls of batchSize, with room for whole ones", async () => {
    const { sizes, tasks } = doubling();
    const clock = new SimulatedClock();
    await using executor = new OptimizedExecutor({ batchSize: 7 }, { clock });
    const results = await executor.executeOptimized(tasks(100));
    expect(results.get("t99")?.output).toBe(198);
    expect(sizes).toEqual([...new Array(14).fill(7), 2]);
  });

  test("makes each batch task a call of its own where batching is off", async () => {
    const { sizes, tasks } = doubling();
    await using executor = new OptimizedExecutor({ enableBatching: false });
    await executor.executeOptimized(tasks(5));
    expect(sizes).toEqual([1, 1, 1, 1, 1]);
  });

  test("caches what can be keyed without being asked, for cacheTtl", async () => {
    const clock = new SimulatedClock();
    await using executor = new OptimizedExecutor({ cacheTtl: 3600, resourcePooling: false }, { clock });
    const calls = { versioned: 0, plain: 0, unwanted: 0, batched: 0 };
    const work = batch("count", (items: readonly unknown[]) => {
      calls.batched++;
      return items.map(() => "batched");
    });
    const tasks: Task[] = [
      { id: "versioned", version: "1", with: { n: 1 }, run: () => ++calls.versioned },
      { id: "plain", run: () => ++calls.plain },
      { id: "unwanted", version: "1", cache: false, run: () => ++calls.unwanted },
      { id: "thread", run: worker(module, "pid") },
      ...[1, 2, 3].map((n): Task => ({ id: `batched ${n}`, version: "1", with: { n }, run: work })),
    ];
    const served = async (): Promise<Record<string, unknown>> => {
      const run = executor.run(tasks);
      const facts: Record<string, unknown> = {};
      for await (const event of run)
        if (event.type === "attempt-ended" && event.facts?.cache !== undefined)
          facts[event.taskId] = [event.facts.cache, event.facts.batch?.size];
      return facts;
    };
    const cached = ["versioned", "thread", "batched 1", "batched 2", "batched 3"];
    expect(await served()).toEqual(
      Object.fromEntries(cached.map((id) => [id, ["miss", id.startsWith("batched") ? 3 : undefined]])),
    );
    expect(await served()).toEqual(Object.fromEntries(cached.map((id) => [id, ["hit", undefined]])));
    expect(calls).toEqual({ versioned: 1, plain: 2, unwanted: 2, batched: 1 });
  });

  test("caches nothing where caching is off", async () => {
    await using executor = new OptimizedExecutor({ enableCaching: false });
    let calls = 0;
    const task: Task = { id: "asks", version: "1", cache: true, run: () => ++calls };
    await executor.executeOptimized([task]);
    await executor.executeOptimized([task]);
    expect(calls).toBe(2);
  });

  test("starts every worker with the first run that needs it, and keeps it", async () => {
    const pid: Task = { id: "pid", run: subprocess(module, "pid") };
    const countOf = (): number =>
      processesWith("runner/process/entry.js").filter((pid) => readProcessStat(pid)?.parentPid === process.pid).length;
    for (const [resourcePooling, workers] of [
      [true, 3],
      [false, 1],
    ] as const) {
      await using executor = new OptimizedExecutor({ maxWorkers: 3, resourcePooling });
      await executor.executeOptimized([pid]);
      await expect.poll(countOf, { timeout: 20_000 }).toBe(workers);
    }
  });

  test("takes every option of a ParallelExecutor, and says what is wrong with its own", async () => {
    expect(() => new OptimizedExecutor({ batchSize: 0, enableBatching: "yes" as never })).toThrow(
      /enableBatching: takes true or false[\s\S]*batchSize: takes an integer/,
    );
    expect(() => new OptimizedExecutor({ enableBatchin: true } as never)).toThrow('did you mean "enableBatching"?');
    await using executor = new OptimizedExecutor({ maxConcurrentTasks: 1, retries: 1 });
    let tries = 0;
    const flaky: Task = {
      id: "flaky",
      run: () => {
        if (++tries === 1) throw new Error("once");
      },
      retries: { attempts: 2, delay: 0 },
    };
    expect((await executor.executeTasks([flaky])).get("flaky")?.attempts).toBe(2);
  });
});
