import { describe, expect, test } from "vitest";
import { OptimizedExecutor } from "#src/executor/optimized-executor.js";
import { readProcessStat } from "#src/host/process-identity.js";
import { batch } from "#src/model/batch.js";
import { subprocess } from "#src/model/describe.js";
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
