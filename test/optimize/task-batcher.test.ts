import { describe, expect, test } from "vitest";
import { OrchestratorError } from "#src/model/error.js";
import { TaskBatcher } from "#src/optimize/batch/task-batcher.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

/** A handler whose calls are held until the test lets them go. */
function held() {
  const calls: { readonly items: readonly number[]; end(): void; readonly signal: AbortSignal }[] = [];
  const handler = (items: readonly number[], { signal }: { readonly signal: AbortSignal }) =>
    new Promise<readonly number[]>((resolve) => {
      calls.push({ items: [...items], end: () => resolve(items.map((item) => item * 10)), signal });
    });
  return { calls, handler };
}

describe("TaskBatcher", () => {
  test("serves items of one turn together, each with its own result", async () => {
    const sizes: number[] = [];
    const batcher = new TaskBatcher(
      (items: readonly number[]) => {
        sizes.push(items.length);
        return items.map((item) => (item < 0 ? new RangeError(`${item} is negative`) : Math.sqrt(item)));
      },
      { maxWait: 0 },
    );
    const results = await Promise.allSettled([batcher.run(4), batcher.run(-1), batcher.run(9)]);
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.message))).toEqual([
      2,
      "-1 is negative",
      3,
    ]);
    expect(sizes).toEqual([3]);
    const value: number = await batcher.run(16);
    expect(value).toBe(4);
  });

  test("takes the entries of Promise.allSettled as what they say", async () => {
    const batcher = new TaskBatcher(
      (items: readonly number[]) =>
        Promise.allSettled(items.map(async (item) => (item === 2 ? Promise.reject(new Error("two")) : `${item}`))),
      { maxWait: 0 },
    );
    const first: Promise<string> = batcher.run(1);
    const second = batcher.run(2);
    await expect(first).resolves.toBe("1");
    await expect(second).rejects.toThrow("two");
  });

  test("says so when a handler gives another number of entries than it was given items", async () => {
    const batcher = new TaskBatcher((items: readonly number[]) => items.slice(1), { maxWait: 0, key: "short" });
    const [first, second] = await Promise.allSettled([batcher.run(1), batcher.run(2)]);
    for (const result of [first, second]) {
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(OrchestratorError);
      expect(reason.code).toBe("BATCH_RESULT");
      expect(reason.message).toContain('batch "short": the handler gave 1 entries for 2 items');
    }
  });

  test("finds the poisoned item by bisection, and serves the others", async () => {
    let calls = 0;
    const batcher = new TaskBatcher(
      (items: readonly number[]) => {
        calls++;
        if (items.includes(5)) throw new Error("cannot digest 5");
        return items.map(String);
      },
      { batchSize: 8, bisect: true, maxWait: "1m" },
    );
    const results = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7, 8].map((item) => batcher.run(item)));
    expect(results.map(({ status }) => status)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((item) => (item === 5 ? "rejected" : "fulfilled")),
    );
    expect(calls).toBe(7);
    expect(batcher.stats()).toMatchObject({ calls: 7, bisections: 3, items: 8, failedItems: 1 });
  });

  test("drops an item that was given up, and aborts a call that is for nobody any more", async () => {
    const { calls, handler } = held();
    const batcher = new TaskBatcher(handler, { batchSize: 2, maxConcurrentBatches: 1 });
    const [one, two, three] = [1, 2, 3].map(() => new AbortController());
    const first = batcher.run(1, { signal: one!.signal });
    const second = batcher.run(2, { signal: two!.signal });
    const third = batcher.run(3, { signal: three!.signal });
    three!.abort(new Error("not needed"));
    await expect(third).rejects.toThrow("not needed");
    expect(batcher.stats().waiting).toBe(0);
    one!.abort(new Error("given up"));
    await expect(first).rejects.toThrow("given up");
    expect(calls[0]!.signal.aborted).toBe(false);
    two!.abort(new Error("given up too"));
    await expect(second).rejects.toThrow("given up too");
    expect(calls[0]!.signal.aborted).toBe(true);
    // Its place is free again, though the handler goes on.
    const fourth = batcher.run(4);
    batcher.flush();
    calls[1]!.end();
    await expect(fourth).resolves.toBe(40);
  });

  test("takes those of higher priority first, and goes on gathering while every place is taken", async () => {
    const { calls, handler } = held();
    const batcher = new TaskBatcher(handler, { batchSize: 2, maxConcurrentBatches: 1 });
    const results = [0, 0, 0, 0, 5, 1].map((priority, number) => batcher.run(number, { priority }));
    expect(calls.map(({ items }) => items)).toEqual([[0, 1]]);
    calls[0]!.end();
    await results[1];
    await Promise.resolve();
    calls[1]!.end();
    await Promise.all([results[4], results[5]]);
    await Promise.resolve();
    calls[2]!.end();
    await Promise.all(results);
    expect(calls.map(({ items }) => items)).toEqual([
      [0, 1],
      [4, 5],
      [2, 3],
    ]);
  });

  test("waits no longer than maxWait for others", async () => {
    const clock = new SimulatedClock();
    const { calls, handler } = held();
    const batcher = new TaskBatcher(handler, { batchSize: 10, maxWait: "30ms" }, { clock });
    void batcher.run(1);
    await clock.advance(20);
    void batcher.run(2);
    expect(calls).toHaveLength(0);
    await clock.advance(10);
    expect(calls.map(({ items }) => items)).toEqual([[1, 2]]);
    expect(batcher.stats()).toMatchObject({ longestWait: 0.03, averageWait: 0.02, averageSize: 2 });
  });

  test("serves together what comes when this process was held up for longer than maxWait", async () => {
    const sizes: number[] = [];
    const batcher = new TaskBatcher(
      (items: readonly number[]) => {
        sizes.push(items.length);
        return items;
      },
      { batchSize: 10, maxWait: "20ms" },
    );
    const asked = [batcher.run(0)];
    const until = performance.now() + 60;
    while (performance.now() < until);
    for (let item = 1; item < 10; item++) asked.push(batcher.run(item));
    expect(await Promise.all(asked)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sizes).toEqual([10]);
    await batcher.close();
  });

  test("refuses more than maxWaiting, and anything after it was closed, which serves what waits", async () => {
    const { calls, handler } = held();
    const batcher = new TaskBatcher(handler, { batchSize: 10, maxWaiting: 2, maxWait: "1h" });
    const waiting = [batcher.run(1), batcher.run(2)];
    await expect(batcher.run(3)).rejects.toMatchObject({ code: "QUEUE_FULL" });
    const closed = batcher.close();
    await expect(batcher.run(4)).rejects.toMatchObject({ code: "QUEUE_CLOSED" });
    calls[0]!.end();
    await expect(Promise.all(waiting)).resolves.toEqual([10, 20]);
    await closed;
  });

  test("refuses options that it does not know or that are out of range, all at once", () => {
    const handler = (items: readonly number[]) => items;
    const make = () => new TaskBatcher(handler, { batchSize: 0, maxWait: "soon", batchsize: 3 } as never);
    expect(make).toThrow(/batchsize: unknown option; did you mean "batchSize"[\s\S]*batchSize: takes[\s\S]*maxWait/);
  });
});
