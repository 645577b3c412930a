/** Drives the scheduler through a whole run on simulated time, in which attempts do nothing but last. */
import { EffectList, TimerHeap } from "./containers.js";
import type { Limits, Plan } from "./plan.js";
import { plainPolicy } from "./policy.js";
import { Scheduler } from "./scheduler.js";

export interface DrivenAttempt {
  readonly task: number;
  readonly startMs: number;
  readonly endMs: number;
  /** The slot that it took, from 0. */
  readonly worker: number;
}

/** The attempts of a run in which every task lasts as long as it says and succeeds, in the order of their ends. */
export function drive(plan: Plan, limits: Limits, durationsMs: ArrayLike<number>): DrivenAttempt[] {
  const simple: Plan = { ...plan, policyOf: undefined, policies: [plainPolicy] };
  const scheduler = new Scheduler(simple, { limits, failurePolicy: "continue" });
  const running = new TimerHeap();
  const freeWorkers: number[] = [];
  let workers = 0;
  const workerOf = new Map<number, number>();
  const effects = new EffectList();
  const attempts: DrivenAttempt[] = [];
  const start = (now: number): void => {
    for (let index = 0; index < effects.size; index++) {
      const effect = effects.at(index);
      if (effect.type !== "start-attempt") continue;
      running.set(effect.task, now + durationsMs[effect.task]!);
      workerOf.set(effect.task, freeWorkers.pop() ?? workers++);
    }
    effects.clear();
  };
  scheduler.handle({ type: "run-started", at: 0 }, effects);
  start(0);
  while (running.size > 0) {
    const at = running.firstTime();
    const task = running.firstTask();
    running.delete(task);
    const worker = workerOf.get(task)!;
    freeWorkers.push(worker);
    attempts.push({ task, startMs: at - durationsMs[task]!, endMs: at, worker });
    scheduler.handle({ type: "attempt-succeeded", at, task, attempt: 1 }, effects);
    start(at);
  }
  return attempts;
}

/** The same with tasks started in the order in which they become ready, inside the same limits. */
export function driveFirstIn(plan: Plan, limits: Limits, durationsMs: ArrayLike<number>): DrivenAttempt[] {
  return drive(withOrder(plan, firstInOrder(plan, limits, durationsMs)), limits, durationsMs);
}

/** The plan with another start order; user priorities still come first. */
export function withOrder(plan: Plan, order: Int32Array): Plan {
  const { priority } = plan;
  const startOrder =
    priority === undefined
      ? order
      : Int32Array.from([...order].sort((left, right) => priority[right]! - priority[left]!));
  const startRank = new Int32Array(plan.count);
  for (let rank = 0; rank < startOrder.length; rank++) startRank[startOrder[rank]!] = rank;
  return { ...plan, startOrder, startRank };
}

/**
 * The order in which a queue that knows nothing of the graph would start the tasks. Slots alone are minded here: with other
 * resources it is a guess at what such a queue would do.
 */
function firstInOrder(plan: Plan, limits: Limits, durationsMs: ArrayLike<number>): Int32Array {
  const waitingOn = new Int32Array(plan.count);
  const queue: number[] = [];
  const { offsets, targets } = plan.dependents;
  for (let task = 0; task < plan.count; task++) {
    waitingOn[task] = plan.dependencies.offsets[task + 1]! - plan.dependencies.offsets[task]!;
    if (waitingOn[task] === 0) queue.push(task);
  }
  const running = new TimerHeap();
  let next = 0;
  let now = 0;
  for (;;) {
    for (; next < queue.length && running.size < limits.slots; next++)
      running.set(queue[next]!, now + durationsMs[queue[next]!]!);
    if (running.size === 0) return Int32Array.from(queue);
    now = running.firstTime();
    const task = running.firstTask();
    running.delete(task);
    for (let edge = offsets[task]!; edge < offsets[task + 1]!; edge++)
      if (--waitingOn[targets[edge]!]! === 0) queue.push(targets[edge]!);
  }
}

const mostPlanned = 20_000;

/**
 * A start order chosen by trying: no rule is best for every graph (Graham 1969 shows how a list schedule can get worse),
 * so where durations are known, the longest-path order and the first-in order are both simulated and the shorter run is
 * taken. Larger graphs, and those that never have to choose, keep the longest-path order.
 */
export function planOrder(plan: Plan, limits: Limits, durationsMs: ArrayLike<number>): Plan {
  if (plan.count > mostPlanned || plan.count <= limits.slots) return plan;
  const firstIn = withOrder(plan, firstInOrder(plan, limits, durationsMs));
  return makespanOf(firstIn, limits, durationsMs) < makespanOf(plan, limits, durationsMs) ? firstIn : plan;
}

function makespanOf(plan: Plan, limits: Limits, durationsMs: ArrayLike<number>): number {
  return drive(plan, limits, durationsMs).at(-1)?.endMs ?? 0;
}
