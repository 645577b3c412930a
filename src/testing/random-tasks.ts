/** Graphs that a seed determines, for property tests and load tests. */
import type { Task } from "../model/task.js";
import type { TaskFunction } from "../model/work.js";

/** What graphs are drawn. */
export interface RandomTasksOptions {
  /** Tasks, from 0. */
  readonly count: number;
  /** Dependencies of a task on average, taken from those before it. Default 1.5. */
  readonly meanDependencies?: number;
  /** How far back a dependency may lie, in tasks. Default: any distance. */
  readonly reach?: number;
  /** Numbers from 0 to 1, such as `seededRandom(1)`. */
  readonly random: () => number;
  /** What each task does. */
  readonly run: (index: number) => TaskFunction;
}

/**
 * Tasks `t0`, `t1`, ... without a cycle, in an order in which each comes after its dependencies.
 *
 * @example
 * const tasks = randomTasks({ count: 1000, random: seededRandom(1), run: (index) => () => index });
 * await using executor = new ParallelExecutor();
 * console.log((await executor.executeTasks(tasks)).size); // prints 1000
 */
export function randomTasks({ count, meanDependencies = 1.5, reach = count, random, run }: RandomTasksOptions): Task[] {
  return Array.from({ length: count }, (_, index) => {
    const dependsOn = new Set<string>();
    const wanted = Math.floor(random() * (2 * meanDependencies + 1));
    for (let edge = 0; edge < wanted && index > 0; edge++) {
      const back = 1 + Math.floor(random() * Math.min(index, reach));
      dependsOn.add(`t${index - back}`);
    }
    return { id: `t${index}`, run: run(index), dependsOn: [...dependsOn] };
  });
}
