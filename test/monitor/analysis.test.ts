import { describe, expect, test } from "vitest";
import { analyze } from "#src/core/analysis.js";
import type { ExecutionConfig } from "#src/executor/config.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { RunEvent } from "#src/model/event.js";
import type { Task } from "#src/model/task.js";
import { randomTasks } from "#src/testing/random-tasks.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

type Lasting = (seconds: number) => Task["run"];

/** The events of a run on a simulated clock. */
async function eventsOf(
  config: ExecutionConfig,
  tasks: (lasting: Lasting, clock: SimulatedClock) => Task[],
): Promise<RunEvent[]> {
  const clock = new SimulatedClock(1_700_000_000_000);
  const events: RunEvent[] = [];
  const lasting: Lasting = (seconds) => () =>
    new Promise<void>((resolve) => void clock.schedule(seconds * 1000, resolve));
  const executor = new ParallelExecutor(
    { ...config, monitor: { observe: (event) => void events.push(event) } },
    { clock, random: () => 0.5 },
  );
  await clock.runUntil(executor.executeTasks(tasks(lasting, clock)));
  return events;
}

const lost = (events: RunEvent[]): Record<string, number> =>
  Object.fromEntries(analyze(events).bounds.map(({ bound, seconds }) => [bound, seconds]));

describe("analyze", () => {
  test("finds the path of dependencies, and that more workers would not help", async () => {
    const events = await eventsOf({ maxConcurrentTasks: 4 }, (lasting) => [
      { id: "load", run: lasting(3) },
      { id: "side", run: lasting(1) },
      { id: "clean", run: lasting(2), dependsOn: ["load", "side"] },
      { id: "report", run: lasting(1), dependsOn: ["clean"] },
    ]);
    const analysis = analyze(events);
    expect(analysis).toMatchObject({ makespan: 6, work: 7, criticalPath: { seconds: 6 } });
    expect(analysis.criticalPath.tasks.map(({ taskId }) => taskId)).toEqual(["load", "clean", "report"]);
    expect(analysis.chain.map(({ taskId, bound, start }) => `${start} ${taskId} ${bound}`)).toEqual([
      "0 load work",
      "3 clean work",
      "5 report work",
    ]);
    expect(analysis.oneMoreWorker).toEqual({ predicted: 6, withOneMore: 6, speedUp: 1 });
    expect(analysis.workers).toMatchObject({ peak: 2, limit: 4 });
  });

  test("tells what was waited for: slots, a resource, retries", async () => {
    expect(
      await eventsOf({ maxConcurrentTasks: 1 }, (lasting) => [
        { id: "a", run: lasting(2) },
        { id: "b", run: lasting(3) },
      ]).then(lost),
    ).toEqual({ work: 3, slots: 2 });
    expect(
      await eventsOf({ resourceLimits: { gpu: 1 } }, (lasting) => [
        { id: "a", run: lasting(2), resources: { gpu: 1 } },
        { id: "b", run: lasting(3), resources: { gpu: 1 } },
      ]).then(lost),
    ).toEqual({ work: 3, gpu: 2 });
    let tries = 0;
    const flaky = await eventsOf({}, (lasting) => [
      {
        id: "flaky",
        run: async (inputs, context) => {
          await (lasting(2) as (...given: unknown[]) => Promise<void>)(inputs, context);
          if (tries++ === 0) throw new Error("once");
        },
        retries: { attempts: 2, delay: 3, jitter: false },
      },
    ]);
    // The attempt that failed and the delay, and the attempt that succeeded.
    expect(lost(flaky)).toEqual({ retries: 5, work: 2 });
  });

  test("tells what one more worker would have given", async () => {
    const events = await eventsOf({ maxConcurrentTasks: 1 }, (lasting) => [
      { id: "a", run: lasting(2) },
      { id: "b", run: lasting(2) },
    ]);
    expect(analyze(events).oneMoreWorker).toEqual({ predicted: 4, withOneMore: 2, speedUp: 2 });
  });

  test("follows tasks that were added to those that added them", async () => {
    const events = await eventsOf({}, (lasting) => [
      {
        id: "parent",
        run: async (inputs, context) => {
          await (lasting(2) as (...given: unknown[]) => Promise<void>)(inputs, context);
          context.spawn([{ id: "child", run: lasting(3) }]);
        },
      },
    ]);
    const { chain, makespan } = analyze(events);
    expect(makespan).toBe(5);
    expect(chain.map(({ taskId, seconds }) => `${taskId} ${seconds}`)).toEqual(["parent 2", "child 3"]);
  });

  test("accounts for every second of random runs, and is never below the critical path", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const events = await eventsOf(
        { maxConcurrentTasks: 1 + Math.floor(random() * 4), retries: 1, resourceLimits: { maxCpuCores: 2 } },
        (_lasting, clock) =>
          randomTasks({
            count: 25,
            random,
            run: () => async (_inputs, context) => {
              await new Promise<void>((resolve) => void clock.schedule(Math.floor(random() * 5000), resolve));
              if (random() < 0.1) throw new Error("bad luck");
              if (random() < 0.1) context.spawn([{ id: `${context.taskId}/c`, run: () => 1 }]);
            },
          }).map((task) => (random() < 0.5 ? { ...task, resources: { cpu: 1 } } : task)),
      );
      const { makespan, bounds, chain, criticalPath, oneMoreWorker } = analyze(events);
      expect(bounds.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(makespan, 6);
      let at = 0;
      for (const { start, seconds } of chain) {
        expect(start).toBeCloseTo(at, 6);
        at = start + seconds;
      }
      expect(criticalPath.seconds).toBeLessThanOrEqual(makespan + 1e-6);
      expect(oneMoreWorker.withOneMore).toBeGreaterThanOrEqual(criticalPath.seconds - 1e-6);
    }
  });

  test("takes a run in which nothing ran", async () => {
    expect(analyze(await eventsOf({}, () => []))).toMatchObject({ makespan: 0, work: 0, bounds: [], chain: [] });
    expect(analyze([])).toMatchObject({ makespan: 0, oneMoreWorker: { speedUp: 1 } });
  });
});
