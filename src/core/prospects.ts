/**
 * Looks ahead: whether tasks may start while some running attempts only wait. What is asked is a question of the graph:
 * a task may start when each dependency that has not ended can end without those that wait.
 */
import type { Scheduler } from "./scheduler.js";
import { TaskState } from "./task-table.js";

/** Tasks that are looked at before the answer is taken to be yes. Whoever waits for it has a limit of time besides. */
const mostLooks = 256;

export interface ProspectsQuestion {
  readonly candidates: Iterable<number>;
  /** Running attempts that do nothing but wait for an answer. */
  readonly waiting: ReadonlySet<number>;
  /** Whether any attempt runs that does not wait like that, so that places become free. */
  readonly moving: boolean;
}

/** Whether one of the candidates may start an attempt while those that wait do. `true` where that would take long to tell. */
export function mayStart({ table }: Scheduler, { candidates, waiting, moving }: ProspectsQuestion): boolean {
  const known = new Map<number, boolean>();
  let looks = 0;

  function canStart(task: number): boolean {
    switch (table.state[task]) {
      case TaskState.ready:
        return moving;
      case TaskState.deciding:
      case TaskState.delayed:
        return true;
      case TaskState.waiting:
        return dependenciesCanEnd(task);
      default:
        return false;
    }
  }

  function dependenciesCanEnd(task: number): boolean {
    const answer = known.get(task);
    if (answer !== undefined) return answer;
    if (++looks > mostLooks) return true;
    let all = true;
    for (const dependency of table.dependenciesOf(task)) {
      if (canEnd(dependency)) continue;
      all = false;
      break;
    }
    known.set(task, all);
    return all;
  }

  function canEnd(task: number): boolean {
    const state = table.state[task]!;
    if (state === TaskState.running || state === TaskState.aborting) return !waiting.has(task);
    if (state === TaskState.resuming) return moving;
    return state >= TaskState.suspended || canStart(task);
  }

  for (const task of candidates) if (canStart(task)) return true;
  return false;
}
