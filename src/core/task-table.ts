/**
 * The state of every task of a run, in arrays by task number: a column for each thing that is true of all tasks, and a
 * map for each that is true of few. Tasks can be added; columns double when they are full.
 */
import type { TaskStatus } from "../model/result.js";
import type { Adjacency, Plan, TaskDefinition } from "./plan.js";
import { type Policy, plainPolicy } from "./policy.js";

/** The states of a task. See docs/scheduler.md for the table of moves. */
export const TaskState = {
  /** Some dependency has not ended. */
  waiting: 0,
  /** Dependencies have ended; its condition is being asked. */
  deciding: 1,
  /** It may start as soon as the limits allow. */
  ready: 2,
  /** An attempt runs. */
  running: 3,
  /** An attempt was told to stop and has not confirmed. */
  aborting: 4,
  /** It waits for the delay before its next attempt. */
  delayed: 5,
  /** Its attempt waits for tasks that it added, and holds nothing. */
  suspended: 6,
  /** Its attempt wants to run on as soon as the limits allow. */
  resuming: 7,
  succeeded: 8,
  failed: 9,
  timedOut: 10,
  cancelled: 11,
  skipped: 12,
  /** Ended and forgotten: its number may be given to another task. */
  retired: 13,
} as const;

export type TaskState = (typeof TaskState)[keyof typeof TaskState];

/** The five ways to end. */
export type EndState = 8 | 9 | 10 | 11 | 12;

export function isEnd(state: number): boolean {
  return state >= TaskState.succeeded;
}

const statuses: readonly TaskStatus[] = ["succeeded", "failed", "timed-out", "cancelled", "skipped"];

/** The public name of an end. */
export function statusOf(state: EndState): TaskStatus {
  return statuses[state - TaskState.succeeded]!;
}

export function stateName(state: number): string {
  return Object.keys(TaskState).find((name) => TaskState[name as keyof typeof TaskState] === state) ?? String(state);
}

export class TaskTable {
  count: number;
  /** Tasks of the plan have numbers below this; added ones from here on. */
  readonly planCount: number;
  state: Uint8Array;
  /** Dependencies that have not ended. */
  waitingOn: Int32Array;
  /** Attempts started. */
  attempts: Int32Array;
  readyAt: number[];
  /** Start of the last attempt. */
  startedAt: number[];
  endedAt: number[];

  /** How many tasks ended in which way, in the order of the states. */
  readonly ends = new Float64Array(5);

  readonly #plan: Plan;
  readonly #policies: readonly Policy[];
  readonly #policyOf: Int32Array | undefined;
  readonly #dependents: Adjacency;
  readonly #added = new Map<number, TaskDefinition>();
  readonly #addedDependents = new Map<number, number[]>();
  /** Insertion order of added tasks, whose numbers may be recycled. */
  readonly #orders = new Map<number, number>();
  #nextOrder: number;
  readonly #free: number[] = [];

  /** First start of tasks that were started more than once. */
  readonly firstStartedAt = new Map<number, number>();
  /** Attempts that died of another's fault. */
  readonly losses = new Map<number, number>();
  /** Attempts that ended with the process that ran them. */
  readonly uncharged = new Map<number, number>();
  readonly parents = new Map<number, number>();
  readonly children = new Map<number, Set<number>>();
  /** For tasks that ended without success for another's sake: the task where that began. */
  readonly roots = new Map<number, number>();
  /** Tasks that failed, timed out or were cancelled, and those skipped for such a one. */
  readonly tainted = new Set<number>();

  constructor(plan: Plan) {
    const { count } = plan;
    this.#plan = plan;
    this.count = count;
    this.planCount = count;
    this.#nextOrder = count;
    this.#policies = plan.policies;
    this.#policyOf = plan.policyOf;
    this.#dependents = plan.dependents;
    this.state = new Uint8Array(count);
    this.attempts = new Int32Array(count);
    this.readyAt = zeros(count);
    this.startedAt = zeros(count);
    this.endedAt = zeros(count);
    this.waitingOn = new Int32Array(count);
    const { offsets } = plan.dependencies;
    for (let task = 0; task < count; task++) this.waitingOn[task] = offsets[task + 1]! - offsets[task]!;
  }

  policy(task: number): Policy {
    if (task >= this.planCount) return this.#added.get(task)?.policy ?? plainPolicy;
    return this.#policyOf === undefined ? this.#policies[0]! : this.#policies[this.#policyOf[task]!]!;
  }

  priority(task: number): number {
    if (task >= this.planCount) return this.#added.get(task)?.priority ?? 0;
    return this.#plan.priority === undefined ? 0 : this.#plan.priority[task]!;
  }

  remainingPath(task: number): number {
    return task >= this.planCount ? (this.#added.get(task)?.remainingPath ?? 0) : this.#plan.remainingPath[task]!;
  }

  /** The start order: user priority, then the longest remaining path, then insertion. */
  readonly before = (left: number, right: number): boolean => {
    const ranks = this.#plan.startRank;
    if (ranks !== undefined && left < this.planCount && right < this.planCount) return ranks[left]! < ranks[right]!;
    const priority = this.priority(left) - this.priority(right);
    if (priority !== 0) return priority > 0;
    const path = this.remainingPath(left) - this.remainingPath(right);
    return path === 0 ? this.#orderOf(left) < this.#orderOf(right) : path > 0;
  };

  readonly outranks = (left: number, right: number): boolean => this.priority(left) > this.priority(right);

  /** What the task depends on, as numbers. */
  dependenciesOf(task: number): readonly number[] | Int32Array {
    if (task >= this.planCount) return this.#added.get(task)?.dependencies ?? [];
    const { offsets, targets } = this.#plan.dependencies;
    return targets.subarray(offsets[task]!, offsets[task + 1]!);
  }

  /** Dependents that were in the plan: from `dependentTargets[start]` to below `end`. */
  get dependentOffsets(): Int32Array {
    return this.#dependents.offsets;
  }

  get dependentTargets(): Int32Array {
    return this.#dependents.targets;
  }

  addedDependents(task: number): readonly number[] | undefined {
    return this.#addedDependents.size === 0 ? undefined : this.#addedDependents.get(task);
  }

  forgetAddedDependents(task: number): void {
    this.#addedDependents.delete(task);
  }

  /** The numbers that the next tasks to be added get. */
  numbersForNext(count: number): number[] {
    const recycled = this.#free.slice(Math.max(0, this.#free.length - count)).reverse();
    return Array.from({ length: count }, (_, index) => recycled[index] ?? this.count + index - recycled.length);
  }

  /** Adds a task under the first of `numbersForNext(1)`; its dependencies that have not ended will wake it. */
  add(definition: TaskDefinition, parent: number): number {
    const task = this.#free.pop() ?? this.#grow();
    this.state[task] = TaskState.waiting;
    this.attempts[task] = 0;
    this.readyAt[task] = 0;
    this.startedAt[task] = 0;
    this.endedAt[task] = 0;
    this.waitingOn[task] = 0;
    this.#added.set(task, definition);
    this.#orders.set(task, this.#nextOrder++);
    if (parent >= 0) {
      this.parents.set(task, parent);
      const siblings = this.children.get(parent);
      if (siblings === undefined) this.children.set(parent, new Set([task]));
      else siblings.add(task);
    }
    return task;
  }

  /** Makes the added task wait for a dependency. */
  addDependent(dependency: number, task: number): void {
    this.waitingOn[task]!++;
    const dependents = this.#addedDependents.get(dependency);
    if (dependents === undefined) this.#addedDependents.set(dependency, [task]);
    else dependents.push(task);
  }

  /** Forgets an ended task that was added; its number is used again. */
  retire(task: number): void {
    this.state[task] = TaskState.retired;
    this.#added.delete(task);
    this.#orders.delete(task);
    this.tainted.delete(task);
    this.firstStartedAt.delete(task);
    this.losses.delete(task);
    this.uncharged.delete(task);
    this.roots.delete(task);
    this.children.delete(task);
    this.#free.push(task);
  }

  #orderOf(task: number): number {
    return task < this.planCount ? task : (this.#orders.get(task) ?? task);
  }

  #grow(): number {
    const task = this.count++;
    if (task < this.state.length) return task;
    const capacity = Math.max(64, this.state.length * 2);
    const grow = <T extends Uint8Array | Int32Array>(column: T, larger: T): T => {
      larger.set(column);
      return larger;
    };
    this.state = grow(this.state, new Uint8Array(capacity));
    this.waitingOn = grow(this.waitingOn, new Int32Array(capacity));
    this.attempts = grow(this.attempts, new Int32Array(capacity));
    for (const column of [this.readyAt, this.startedAt, this.endedAt]) while (column.length < capacity) column.push(0);
    return task;
  }
}

/**
 * A column of doubles, all zero, in V8's own heap: typed arrays lie outside of it, and whenever 64 MB of those have been
 * made it collects the whole heap, which is a tenth of the time that a graph of a million tasks takes.
 */
function zeros(count: number): number[] {
  const column = new Array<number>(count);
  // A fraction first, so that the array holds doubles from the start and not small integers.
  if (count > 0) column[0] = 0.5;
  return column.fill(0);
}
