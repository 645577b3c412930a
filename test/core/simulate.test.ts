import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { simulate } from "#src/core/simulate.js";
import type { Task } from "#src/model/task.js";
import { readWfFormat } from "#src/pipeline/wfformat.js";
import { randomTasks } from "#src/testing/random-tasks.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { present, sharedData } from "../support/require-component.js";

const none = (): undefined => undefined;
const task = (id: string, expectedDuration: number, ...dependsOn: string[]): Task => ({
  id,
  run: none,
  expectedDuration,
  dependsOn,
});

describe("simulate", () => {
  test("tells when each task would run", () => {
    const tasks = [task("a", 2), task("b", 3), task("c", 4, "a"), task("d", 1, "a", "b")];
    const { makespan, work, criticalPath, lowerBound, utilization, tasks: simulated } = simulate(tasks, { workers: 2 });
    expect({ makespan, work, criticalPath, lowerBound, utilization }).toEqual({
      makespan: 6,
      work: 10,
      criticalPath: 6,
      lowerBound: 6,
      utilization: 10 / 12,
    });
    expect(simulated.map(({ taskId, start, end }) => `${taskId} ${start}-${end}`)).toEqual([
      "a 0-2",
      "b 0-3",
      "d 3-4",
      "c 2-6",
    ]);
  });

  test("is never shorter than the bound, never longer than one worker, and never worse than first-in order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer(),
        (count, workers, seed) => {
          const random = seededRandom(seed);
          const tasks = randomTasks({ count, random, run: () => none }).map((one) => ({
            ...one,
            expectedDuration: Math.ceil(random() * 10),
          }));
          const planned = simulate(tasks, { workers });
          expect(planned.makespan).toBeGreaterThanOrEqual(planned.lowerBound - 1e-9);
          expect(planned.makespan).toBeLessThanOrEqual(planned.work + 1e-9);
          expect(planned.makespan).toBeLessThanOrEqual(simulate(tasks, { workers, order: "first-in" }).makespan + 1e-9);
        },
      ),
    );
  });

  test("refuses what could not run", () => {
    expect(() => simulate([task("a", 1, "b")], { workers: 1 })).toThrow(/depends on "b"/);
    expect(() => simulate([], { workers: 0 })).toThrow(/simulate.workers: takes an integer from 1, got 0/);
  });

  test.runIf(present("wfinstances"))(
    "plans recorded workflows close to the bound, and never worse than first-in order",
    () => {
      const folder = sharedData("wfinstances");
      const ratios: number[] = [];
      for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
        const { tasks } = readWfFormat(JSON.parse(readFileSync(`${folder}/${file}`, "utf8")));
        for (const workers of [2, 4, 8, 16, 32, 64]) {
          const planned = simulate(tasks, { workers });
          expect(planned.makespan).toBeLessThanOrEqual(
            simulate(tasks, { workers, order: "first-in" }).makespan * (1 + 1e-9),
          );
          ratios.push(planned.makespan / planned.lowerBound);
        }
      }
      ratios.sort((left, right) => left - right);
      expect(ratios[Math.floor(ratios.length / 2)]).toBeLessThanOrEqual(1.05);
    },
  );
});
