/** What is true of a scheduler between any two events. Tests ask after every event; a violation is a fault of the engine. */
import type { Scheduler } from "./scheduler.js";
import { isEnd, stateName, TaskState } from "./task-table.js";

/** Throws, with the task and its state, where something is not as it must be. */
export function checkInvariants(scheduler: Scheduler, slots: number): void {
  const { table, admission } = scheduler;
  const use = new Map<number, number>();
  let held = 0;
  let queued = 0;
  let live = 0;
  for (let task = 0; task < table.count; task++) {
    const state = table.state[task]!;
    if (!isEnd(state)) live++;
    if (state === TaskState.ready || state === TaskState.resuming) queued++;
    if (state === TaskState.waiting && table.waitingOn[task]! <= 0) throw violation(task, state, "waits for nothing");
    if (state === TaskState.ready && table.waitingOn[task]! > 0)
      throw violation(task, state, "is ready before its dependencies have ended");
    if (scheduler.holds(task)) {
      held++;
      const { resources, amounts } = admission.demandOf(task);
      for (let index = 0; index < resources.length; index++) {
        const resource = resources[index]!;
        use.set(resource, (use.get(resource) ?? 0) + amounts[index]!);
      }
    }
  }
  if (held !== admission.running)
    throw new Error(`${held} attempts hold a slot, and admission counts ${admission.running}`);
  if (held > slots) throw new Error(`${held} attempts run in ${slots} slots`);
  if (queued !== admission.ready) throw new Error(`${queued} tasks are ready, and admission counts ${admission.ready}`);
  if (live !== scheduler.live)
    throw new Error(`${live} tasks have not ended, and the scheduler counts ${scheduler.live}`);
  for (const [resource, amount] of use) {
    if (amount !== admission.inUse(resource))
      throw new Error(`resource ${resource}: ${amount} held, ${admission.inUse(resource)} counted`);
    if (amount > admission.capacity(resource))
      throw new Error(`resource ${resource}: ${amount} held of ${admission.capacity(resource)}`);
  }
}

function violation(task: number, state: number, what: string): Error {
  return new Error(`task ${task} (${stateName(state)}) ${what}`);
}
