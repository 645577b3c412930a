/** Reads the option `use` of a task. */
import type { Task } from "../model/task.js";

export function checkUseOption(task: Task, report: (message: string) => void): void {
  const { use, run } = task;
  if (typeof use !== "object" || use === null || Array.isArray(use)) {
    report("use: takes an object of pools such as { browser: browsers }");
    return;
  }
  if (typeof run !== "function")
    report("use: only a function of this process can use what a pool gives; others would be given a copy");
  const seen = new Set<unknown>();
  for (const [name, source] of Object.entries(use)) {
    if (typeof source?.acquire !== "function") report(`use.${name}: takes a ResourcePool, or anything with acquire()`);
    // Two tasks that each hold one of two would wait for each other.
    else if (seen.has(source)) report(`use.${name}: names a pool that the task uses already`);
    seen.add(source);
    if (Object.hasOwn(task.inputs ?? {}, name) || Object.hasOwn(task.with ?? {}, name))
      report(`use.${name}: is the name of an input too`);
  }
}
