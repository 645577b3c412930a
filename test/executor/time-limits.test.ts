import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { command } from "#src/model/describe.js";
import { OrchestratorError } from "#src/model/error.js";
import type { Task } from "#src/model/task.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
import { turns } from "../support/turns.js";

const never = (): Promise<never> => new Promise(() => undefined);

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
