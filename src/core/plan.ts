/** A compiled graph: what the scheduler runs. Tasks are numbers, in the order in which they were given. */
import type { TaskPast } from "./past.js";
import type { Policy } from "./policy.js";

/** How much of what a task holds while it runs. The slot that every attempt takes is not listed. */
export interface Demand {
  /** Indexes into the limits' resources. */
  readonly resources: readonly number[];
  /** Amounts, in the resource's smallest unit. */
  readonly amounts: readonly number[];
}

/** Compressed sparse rows: the neighbours of `task` are `targets[offsets[task]]` to `targets[offsets[task + 1] - 1]`. */
export interface Adjacency {
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
}

export interface Plan {
  readonly count: number;
  readonly dependencies: Adjacency;
  readonly dependents: Adjacency;
  /** Tasks in the order in which they start when all are ready: priority, longest remaining path, insertion, or what was planned. */
  readonly startOrder: Int32Array;
  /** Place of each task in `startOrder`, where that is another order than priority, remaining path, insertion. */
  readonly startRank?: Int32Array;
  /** User priority, or `undefined` where no task has one. */
  readonly priority: Int32Array | undefined;
  /** Longest path from the start of the task to the end of the graph: in milliseconds where durations are known, else in hops. */
  readonly remainingPath: Int32Array | Float64Array;
  /** Index into `policies`, or `undefined` where all tasks have policy 0. */
  readonly policyOf: Int32Array | undefined;
  readonly policies: readonly Policy[];
  /** Index into `demands`, or `undefined` where all tasks have demand 0. */
  readonly demandOf: Int32Array | undefined;
  /** Demand 0 is the empty one. */
  readonly demands: readonly Demand[];
  /** Capacities of the pools that tasks use: resources beyond those of the limits. Default: none. */
  readonly poolCapacities?: readonly number[];
}

/** One task that is added to a run that has started. */
export interface TaskDefinition {
  /** Tasks by number: of the run so far, or of the same batch (which are numbered on from the run's count). */
  readonly dependencies: readonly number[];
  readonly priority: number;
  readonly remainingPath: number;
  readonly policy: Policy;
  readonly demand: Demand;
  /** What was done of it before, in a run that is gone on with. */
  readonly past?: TaskPast;
}

/** What the run may use at once. */
export interface Limits {
  /** Attempts at once. */
  readonly slots: number;
  /** Capacity of each resource, in its smallest unit. */
  readonly capacities: readonly number[];
}
