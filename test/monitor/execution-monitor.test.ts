import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Task } from "#src/model/task.js";
import { ExecutionMonitor } from "#src/monitor/execution-monitor.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

/** A task that lasts so many seconds of simulated time. */
function lasting(clock: SimulatedClock, seconds: number): Task["run"] {
  return () => new Promise<void>((resolve) => clock.schedule(seconds * 1000, resolve));
}

describe("ExecutionMonitor", () => {
  test("tells use over time on a clock that begins at 0, and of what began before it was asked", async () => {
    const clock = new SimulatedClock(0);
    const [early, late] = [new ExecutionMonitor(), new ExecutionMonitor()];
    const executor = new ParallelExecutor({ monitor: early, maxConcurrentTasks: 2 }, { clock });
    const tasks: Task[] = ["a", "b", "c"].map((id, place, ids) => ({
      id,
      run: lasting(clock, 1),
      dependsOn: ids.slice(0, place),
    }));
    await using run = executor.run(tasks);
    clock.schedule(1500, () => void run.observe(late));
    await clock.runUntil(run.results);
    expect(early.getMetrics().resourceUtilization.slots).toMatchObject({ now: 0, peak: 1, average: 1 });
    const { slots } = late.getMetrics().resourceUtilization;
    expect(slots).toMatchObject({ now: 0, peak: 1 });
    // It was told at 1.5 s of an attempt that runs since 1 s; what is in use is counted from its start.
    expect(slots!.average * late.getMetrics().activeTime).toBeCloseTo(2);
  });

  test("tells what a reader would count by hand", async () => {
    const clock = new SimulatedClock(1_000_000);
    const monitor = new ExecutionMonitor();
    const executor = new ParallelExecutor(
      { monitor, maxConcurrentTasks: 2, resourceLimits: { maxCpuCores: 2, gpu: 1 } },
      { clock, random: () => 0.5 },
    );
    let failures = 0;
    const results = await clock.runUntil(
      executor.executeTasks([
        { id: "a", run: lasting(clock, 1), resources: { cpu: 1, gpu: 1 } },
        { id: "b", run: lasting(clock, 3), resources: { cpu: 1 } },
        { id: "c", run: lasting(clock, 2), dependsOn: ["a"] },
        {
          id: "flaky",
          run: () => {
            if (failures++ === 0) throw new Error("once");
          },
          retries: { attempts: 2, delay: 1, jitter: false },
          dependsOn: ["c"],
        },
        { id: "slow", run: lasting(clock, 100), timeout: 1, dependsOn: ["c"] },
        { id: "after", run: () => undefined, dependsOn: ["slow"] },
      ]),
    );
    expect([...results].map(([id, { status }]) => `${id} ${status}`)).toEqual([
      "a succeeded",
      "b succeeded",
      "c succeeded",
      "flaky succeeded",
      "slow timed-out",
      "after skipped",
    ]);
    const metrics = monitor.getMetrics();
    expect(metrics.ended).toEqual({ succeeded: 4, failed: 0, "timed-out": 1, cancelled: 0, skipped: 1 });
    expect(metrics.successRate).toBe(4 / 5);
    expect(metrics).toMatchObject({ retries: 1, timeouts: 1, running: 0, ready: 0 });
    // a 1 s, b 3 s, c 2 s, slow 1 s, and two attempts of no time.
    expect(metrics.executionTime.count).toBe(6);
    expect(metrics.avgExecutionTime).toBeCloseTo(7 / 6);
    expect(metrics.executionTime.max).toBeCloseTo(3);
    const { slots, cpu, gpu } = metrics.resourceUtilization;
    expect(slots).toMatchObject({ now: 0, peak: 2, limit: 2 });
    // Seven seconds of attempts over the four seconds of the run.
    expect(slots!.average).toBeCloseTo(7 / 4);
    expect(slots!.fraction).toBeCloseTo(7 / 8);
    expect(cpu!.average).toBeCloseTo(1);
    expect(gpu).toMatchObject({ now: 0, peak: 1, limit: 1 });
  });

  test("counts nothing twice for a task that waits for tasks that it added", async () => {
    const clock = new SimulatedClock();
    const monitor = new ExecutionMonitor();
    const executor = new ParallelExecutor({ monitor, maxConcurrentTasks: 1 }, { clock });
    await clock.runUntil(
      executor.executeTasks([
        {
          id: "parent",
          run: async (_inputs, context) => {
            await context.spawn([{ id: "child", run: lasting(clock, 2) }]).results();
          },
        },
      ]),
    );
    const { slots } = monitor.getMetrics().resourceUtilization;
    expect(slots).toMatchObject({ now: 0, peak: 1 });
    expect(slots!.average).toBeCloseTo(1);
  });

  test("starts anew after reset, and still knows what runs", async () => {
    const clock = new SimulatedClock();
    const monitor = new ExecutionMonitor();
    const executor = new ParallelExecutor({ monitor }, { clock });
    const done = executor.executeTasks([
      { id: "a", run: lasting(clock, 1) },
      { id: "b", run: lasting(clock, 5) },
    ]);
    await clock.advance(2000);
    monitor.reset();
    expect(monitor.getMetrics()).toMatchObject({ running: 1, ended: { succeeded: 0 } });
    await clock.runUntil(done);
    expect(monitor.getMetrics()).toMatchObject({ running: 0, ended: { succeeded: 1 } });
  });
});
