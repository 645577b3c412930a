/** A task that does not fit is not starved by those that do: the promise of `core/admission.ts`, over random histories. */
import { describe, expect, test } from "vitest";
import { compileGraph } from "#src/core/compile.js";
import { EffectList } from "#src/core/containers.js";
import { makeLimits } from "#src/core/limits.js";
import { plainPolicy } from "#src/core/policy.js";
import { Scheduler } from "#src/core/scheduler.js";
import type { Task } from "#src/model/task.js";
import { seededRandom } from "#src/testing/seeded-random.js";

interface Outcome {
  readonly waitedFor: number;
  readonly ranAtFirst: number;
}

/** How many attempts end, after the big task has become the best of those that are ready, before it starts. */
function bigAmongSmall(seed: number): Outcome {
  const random = seededRandom(seed);
  const slots = 2 + Math.floor(random() * 6);
  const capacity = 4 + Math.floor(random() * 8);
  const limits = makeLimits(slots, capacity, 1e9, {});
  const some = (count: number): number => 1 + Math.floor(random() * count);
  const first = Array.from(
    { length: some(8) },
    (_, index): Task => ({ id: `first-${index}`, run: () => undefined, priority: 2, resources: { cpu: some(3) } }),
  );
  const big: Task = {
    id: "big",
    run: () => undefined,
    priority: 1,
    resources: { cpu: capacity - (random() < 0.5 ? 0 : 1) },
  };
  const small = Array.from(
    { length: 60 },
    (_, index): Task => ({ id: `small-${index}`, run: () => undefined, resources: { cpu: some(2) } }),
  );
  const tasks = [...small.slice(0, 30), ...first, big, ...small.slice(30)];
  const bigNumber = tasks.indexOf(big);
  const { plan } = compileGraph(tasks, { limits, defaults: plainPolicy });
  const scheduler = new Scheduler(plan, { limits, failurePolicy: "continue" });
  const effects = new EffectList();
  const running: number[] = [];
  /** What ran when the last of the tasks of higher priority had started. */
  let ahead: Set<number> | undefined;
  let ranAtFirst = 0;
  const take = (): boolean => {
    let started = false;
    for (const effect of effects.toArray()) {
      if (effect.type !== "start-attempt") continue;
      if (effect.task === bigNumber) started = true;
      else running.push(effect.task);
    }
    effects.clear();
    return started;
  };
  scheduler.handle({ type: "run-started", at: 0 }, effects);
  let started = take();
  for (let ended = 0; !started; ended++) {
    const highWaits = first.some((task) => scheduler.table.state[tasks.indexOf(task)] === 2);
    if (!highWaits && ahead === undefined) {
      ahead = new Set(running);
      ranAtFirst = running.length;
    }
    if (running.length === 0) throw new Error("nothing runs and big was not started");
    const [task] = running.splice(Math.floor(random() * running.length), 1) as [number];
    ahead?.delete(task);
    scheduler.handle({ type: "attempt-succeeded", at: ended, task, attempt: 1 }, effects);
    started = take();
    if (!started && ahead?.size === 0)
      throw new Error(`seed ${seed}: all that ran before have ended, and big still waits`);
  }
  return { waitedFor: ahead?.size ?? 0, ranAtFirst };
}

describe("a big task among small ones", () => {
  test("starts no later than when all that ran before it have ended, in 5,000 histories", () => {
    let contested = 0;
    for (let seed = 1; seed <= 5_000; seed++) if (bigAmongSmall(seed).ranAtFirst > 0) contested++;
    expect(contested).toBeGreaterThan(2_500);
  });
});
