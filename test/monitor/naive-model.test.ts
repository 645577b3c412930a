/**
 * The monitor against a naive model, over runs that a seed determines on a simulated clock: graphs with failures, retries,
 * timeouts, resources, conditions, batches, tasks that add tasks and wait for them, cancellations, and several runs at once. Each
 * history is run twice: watched by the monitor alone, which then is told of functions in batches of numbers, and watched by
 * the naive model with a monitor that is told of events.
 */
import { expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { batch } from "#src/model/batch.js";
import type { Task } from "#src/model/task.js";
import { ExecutionMonitor } from "#src/monitor/execution-monitor.js";
import type { ExecutionMetrics, TaskMetrics } from "#src/monitor/metrics.js";
import type { Observer } from "#src/port/observer.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
// Loaded ahead, so that both runs of a history find it at once.
import "#src/optimize/batch/batch-runner.js";
import { NaiveMonitor, percentileOf } from "./naive-model.js";

const histories = Number(process.env.MONITOR_HISTORIES ?? 50);
const startMs = 1_700_000_000_000;

type Random = () => number;

interface World {
  readonly clock: SimulatedClock;
  readonly random: Random;
}

function randomTasks({ clock, random }: World, prefix: string, depth = 0): Task[] {
  const count = Math.floor(random() * (depth === 0 ? 14 : 3));
  const work = batch(`${prefix}-batch`, async (items: readonly unknown[]) => {
    await lasting(clock, 0.3);
    return items.map(() => 1);
  });
  return Array.from({ length: count }, (_, index): Task => {
    const kind = ["load", "clean", "sum", `only-${index}`][Math.floor(random() * 4)]!;
    const id = `${prefix}${kind}[${index}]`;
    const seconds = random() < 0.2 ? 0 : random() ** 3 * 40;
    const fails = random() < 0.25 ? 1 + Math.floor(random() * 2) : 0;
    const spawns = depth === 0 && random() < 0.2;
    let tries = 0;
    const run: Task["run"] = async (_inputs, context) => {
      await lasting(clock, seconds);
      if (spawns && tries === 0) {
        const spawned = context.spawn(randomTasks({ clock, random: seededRandom(index + 1) }, `${id}/`, 1));
        if (index % 2 === 0) await spawned.results();
      }
      if (tries++ < fails) throw new Error("bad luck");
    };
    return {
      id,
      run: random() < 0.15 ? work : run,
      ...(random() < 0.3 && { name: "named" }),
      ...(random() < 0.4 && { retries: { attempts: 1 + Math.floor(random() * 3), delay: random() * 3 } }),
      ...(random() < 0.3 && { timeout: 1 + random() * 20 }),
      ...(random() < 0.1 && { totalTimeout: 1 + random() * 20 }),
      ...(random() < 0.4 && { resources: { cpu: 0.5 + Math.floor(random() * 3) / 2 } }),
      ...(random() < 0.1 && { when: () => index % 2 === 0 }),
      ...(random() < 0.2 && { priority: Math.floor(random() * 3) }),
    };
  });
}

function lasting(clock: SimulatedClock, seconds: number): Promise<void> {
  return seconds === 0 ? Promise.resolve() : new Promise((resolve) => clock.schedule(seconds * 1000, resolve));
}

/** Chains some of the tasks: each depends on some before it. */
function connected(tasks: readonly Task[], random: Random): Task[] {
  return tasks.map((task, index) => ({
    ...task,
    dependsOn: tasks.slice(0, index).flatMap(({ id }) => (random() < 0.15 ? [id] : [])),
  }));
}

/** Runs the history of a seed, and calls `look` now and then. */
async function runHistory(seed: number, watchers: readonly Observer[], look: (now: number) => void): Promise<void> {
  const random = seededRandom(seed);
  const clock = new SimulatedClock(startMs + Math.floor(random() * 100_000));
  const runs = 1 + Math.floor(random() * 3);
  const ended: Promise<unknown>[] = [];
  for (let run = 0; run < runs; run++) {
    const executor = new ParallelExecutor(
      {
        monitor: watchers,
        maxConcurrentTasks: 1 + Math.floor(random() * 4),
        resourceLimits: { maxCpuCores: 2 },
        failurePolicy: random() < 0.2 ? "fail-fast" : "continue",
      },
      { clock, random: seededRandom(seed + run) },
    );
    const running = executor.run(connected(randomTasks({ clock, random }, `r${run}/`), random), {
      runId: `run-${run}`,
    });
    if (random() < 0.25) clock.schedule(random() * 30_000, () => running.cancel("enough"));
    ended.push(running.results);
    if (random() < 0.5) await clock.advance(random() * 20_000);
    look(clock.now());
  }
  const all = Promise.all(ended);
  let over = false;
  void all.then(() => {
    over = true;
  });
  while (!over) {
    await clock.advance(random() * 8000);
    look(clock.now());
  }
  await clock.advance(random() * 60_000);
  look(clock.now());
}

function expectFigures(told: TaskMetrics, naive: NaiveMonitor, seconds: number, from: number, name?: string): void {
  const named = <Event extends { readonly name: string }>(events: readonly Event[]): Event[] =>
    events.filter((event) => name === undefined || event.name === name);
  const attempts = named(naive.attempts(from));
  const ends = named(naive.ends(from));
  const withStatus = (status: string): number => ends.filter((end) => end.status === status).length;
  expect(told.ended).toEqual({
    succeeded: withStatus("succeeded"),
    failed: withStatus("failed"),
    "timed-out": withStatus("timed-out"),
    cancelled: withStatus("cancelled"),
    skipped: withStatus("skipped"),
  });
  const ran = withStatus("succeeded") + withStatus("failed") + withStatus("timed-out");
  expect(told.successRate).toBe(ran === 0 ? 1 : withStatus("succeeded") / ran);
  expect(told.throughput).toBeCloseTo(seconds === 0 ? 0 : ends.length / seconds, 6);
  expect(told.attempts).toBe(attempts.length);
  expect(told.retries).toBe(attempts.filter(({ retryAt }) => retryAt !== undefined).length);
  expect(told.timeouts).toBe(attempts.filter(({ outcome }) => outcome === "timed-out").length);
  const batched = attempts.flatMap(({ facts }) => (facts?.batch === undefined ? [] : [facts.batch]));
  expect(told.batch.items).toBe(batched.length);
  const queued = ends.flatMap(({ result }) => (result.attempts > 0 ? [result.queuedTime] : []));
  expectDistribution(
    told.executionTime,
    attempts.map(({ executionTime }) => executionTime),
  );
  expectDistribution(told.queuedTime, queued);
}

function expectDistribution(told: TaskMetrics["executionTime"], values: readonly number[]): void {
  expect(told.count).toBe(values.length);
  const sum = values.reduce((total, value) => total + value, 0);
  expect(told.sum).toBeCloseTo(sum, 6);
  expect(told.mean).toBeCloseTo(values.length === 0 ? 0 : sum / values.length, 6);
  expect(told.max).toBe(Math.max(0, ...values));
  for (const [percent, value] of [
    [50, told.p50],
    [90, told.p90],
    [99, told.p99],
  ] as const) {
    const exact = percentileOf(values, percent);
    expect(Math.abs(value - exact)).toBeLessThanOrEqual(exact / 128 + 1.2e-7);
  }
}

function expectMetrics(told: ExecutionMetrics, naive: NaiveMonitor, now: number): void {
  const active = naive.activeTime(now);
  expect(told.activeTime).toBeCloseTo(active, 6);
  expect(told.ready).toBe(naive.ready());
  for (const resource of ["slots", "cpu"]) {
    const use = told.resourceUtilization[resource] ?? { now: 0, peak: 0, average: 0 };
    const expected = naive.use(resource, now);
    expect(use.now).toBeCloseTo(expected.now, 6);
    expect(use.peak).toBeCloseTo(expected.peak, 6);
    expect(use.average).toBeCloseTo(expected.average, 6);
  }
  expectFigures(told, naive, active, Number.NEGATIVE_INFINITY);
  const names = new Set(naive.ends().map(({ name }) => name));
  for (const attempt of naive.attempts()) names.add(attempt.name);
  expect(new Set(told.byName.map(({ name }) => name))).toEqual(names);
  for (const figures of told.byName) expectFigures(figures, naive, active, Number.NEGATIVE_INFINITY, figures.name);
  const since = naive.events[0]?.at ?? now;
  for (const window of told.windows) {
    const partMs = (window.seconds * 1000) / 10;
    const from = (Math.floor(now / partMs) - 9) * partMs;
    const covered = Math.max(0, now - Math.max(from, since)) / 1000;
    expect(window.covered).toBeCloseTo(covered, 6);
    expectFigures(window, naive, covered, from);
    for (const figures of window.byName) expectFigures(figures, naive, covered, from, figures.name);
  }
}

test(`tells what a naive model tells, in ${histories} histories`, {
  timeout: Math.max(120_000, histories * 2000),
}, async () => {
  for (let seed = 1; seed <= histories; seed++) {
    try {
      await compare(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
});

async function compare(seed: number): Promise<void> {
  const monitor = new ExecutionMonitor();
  const told: ExecutionMetrics[] = [];
  await runHistory(seed, [monitor], () => void told.push(monitor.getMetrics()));
  const naive = new NaiveMonitor();
  let looks = 0;
  await runHistory(seed, [naive], (now) => expectMetrics(told[looks++]!, naive, now));
  expect(looks).toBe(told.length);
  const replayed = new ExecutionMonitor();
  for (const event of naive.events) replayed.observe(event);
  const { at } = replayed.snapshot();
  expect(at).toBe(naive.events.at(-1)?.at ?? 0);
  expectMetrics(replayed.getMetrics(), naive, at);
}
