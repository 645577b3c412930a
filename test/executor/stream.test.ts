import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { InvalidGraphError } from "#src/model/error.js";
import type { Task } from "#src/model/task.js";
import { turns } from "../support/turns.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("stream", () => {
  test("runs what comes, inside the limits, and asks for no more than there is room for", async () => {
    let asked = 0;
    let taken = 0;
    let running = 0;
    let peak = 0;
    let ahead = 0;
    async function* source(): AsyncGenerator<Task> {
      for (; asked < 500; asked++) {
        ahead = Math.max(ahead, asked - taken);
        yield {
          id: `t${asked}`,
          run: async () => {
            peak = Math.max(peak, ++running);
            await turns();
            running--;
          },
        };
      }
    }
    for await (const result of new ParallelExecutor({ maxConcurrentTasks: 5 }).stream(source(), { window: 20 })) {
      expect(result.success).toBe(true);
      taken++;
    }
    expect(taken).toBe(500);
    expect(peak).toBe(5);
    // The window, and one task that waits at the door.
    expect(ahead).toBeLessThanOrEqual(21);
  });

  test("forgets what has ended: its id can be used again, and what it gave can be asked for as long as it is remembered", async () => {
    function* source(): Generator<Task> {
      yield { id: "first", run: () => "value" };
      yield { id: "near", run: (_inputs, context) => context.output("first"), dependsOn: ["first"] };
      for (let index = 0; index < 50; index++) yield { id: `filler${index}`, run: () => index };
      yield { id: "far", run: () => 1, dependsOn: ["first"] };
      yield { id: "first", run: () => "again" };
    }
    const results = new Map<string, unknown>();
    for await (const result of new ParallelExecutor({ mode: "sequential" }).stream(source(), {
      window: 1,
      remember: 10,
    })) {
      results.set(result.taskId, result.success ? result.output : result.error);
    }
    expect(results.get("near")).toBe("value");
    expect(results.get("far")).toBeInstanceOf(InvalidGraphError);
    expect(results.get("first")).toBe("again");
  });

  test("a task that cannot run fails alone", async () => {
    const statuses: string[] = [];
    const tasks = [
      { id: "a", run: () => 1 },
      { id: "b", run: 5 },
      { id: "a", run: () => 1 },
      { id: "c", run: () => 1 },
    ] as unknown as Task[];
    for await (const result of new ParallelExecutor().stream(tasks)) statuses.push(`${result.taskId} ${result.status}`);
    expect(statuses.sort()).toEqual(["a failed", "a succeeded", "b failed", "c succeeded"]);
  });

  test("left early it cancels what runs and takes no more", async () => {
    let started = 0;
    let cancelled = 0;
    let asked = 0;
    const untilAborted = (signal: AbortSignal): Promise<never> => {
      started++;
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(++cancelled)));
    };
    function* source(): Generator<Task> {
      for (;;) {
        const first = asked++ === 0;
        yield {
          id: `t${asked}`,
          run: (_inputs, { signal }) => (first ? 1 : untilAborted(signal)),
        };
      }
    }
    const executor = new ParallelExecutor({ maxConcurrentTasks: 4 });
    for await (const result of executor.stream(source(), { window: 10 })) {
      expect(result.success).toBe(true);
      await turns();
      break;
    }
    expect(started).toBe(4);
    expect(cancelled).toBe(4);
    const askedThen = asked;
    await turns();
    expect(asked).toBe(askedThen);
    await executor.close();
  });

  test("a source that fails ends the stream with its error, after what was done", async () => {
    async function* source(): AsyncGenerator<Task> {
      yield { id: "a", run: () => 1 };
      throw new Error("the source is dry");
    }
    const seen: string[] = [];
    await expect(async () => {
      for await (const result of new ParallelExecutor().stream(source())) seen.push(result.taskId);
    }).rejects.toThrow("the source is dry");
    expect(seen).toEqual(["a"]);
  });

  test("does not grow: a hundred thousand tasks leave no more in memory than a thousand", async () => {
    const executor = new ParallelExecutor();
    async function run(count: number): Promise<number> {
      function* source(): Generator<Task> {
        for (let index = 0; index < count; index++)
          yield {
            id: `t${index}`,
            run: () => new Array(100).fill(index),
            dependsOn: index > 5 ? [`t${index - 5}`] : [],
          };
      }
      let bytes = 0;
      let taken = 0;
      for await (const result of executor.stream(source(), { remember: 100 })) {
        if (!result.success) throw result.error;
        if (++taken === count - 10) {
          collectGarbage();
          bytes = process.memoryUsage().heapUsed;
        }
      }
      return bytes;
    }
    const small = await run(1000);
    expect((await run(100_000)) - small).toBeLessThan(5e6);
  });

  test("refuses bad options and tasks that add tasks", async () => {
    const executor = new ParallelExecutor();
    expect(() => executor.stream([], { window: 0 })).toThrow(/stream.window: takes an integer from 1/);
    for await (const result of executor.stream([{ id: "a", run: (_inputs, context) => context.spawn([]) }])) {
      expect(result.error?.message).toMatch(/tasks of a stream cannot add tasks/);
    }
  });
});
