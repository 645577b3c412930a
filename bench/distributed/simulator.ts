/** Predicts a run of so many tasks in 100 layers on so many workers, as for a cluster that is larger than any at hand. Prints what it took as JSON. */
import { simulate } from "#src/core/simulate.js";
import type { Task } from "#src/parallel.js";
import { makeShape } from "../graphs/shape.js";

export interface Simulated {
  readonly tasks: number;
  readonly workers: number;
  readonly cpuSeconds: number;
  /** Part of the workers' time that was worked, from 0 to 1. */
  readonly utilization: number;
  /** Makespan beside the bound that no schedule can beat. */
  readonly besideBound: number;
}

const [count = 1_000_000, workers = 10_000] = process.argv.slice(2).map(Number);
const shape = makeShape("layered", count);
const ids = Array.from({ length: count }, (_, index) => `task-${index}`);
const run = (): void => {};
const tasks = ids.map((id, index): Task => {
  const dependsOn = Array.from(
    shape.dependencies.subarray(shape.offsets[index]!, shape.offsets[index + 1]!),
    (dependency) => ids[dependency]!,
  );
  return { id, run, dependsOn, expectedDuration: 1 };
});
const before = process.cpuUsage();
const { makespan, lowerBound, utilization } = simulate(tasks, { workers });
const { user, system } = process.cpuUsage(before);
const simulated: Simulated = {
  tasks: count,
  workers,
  cpuSeconds: (user + system) / 1e6,
  utilization,
  besideBound: makespan / lowerBound,
};
console.log(JSON.stringify(simulated));
