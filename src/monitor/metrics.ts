/** What a monitor tells: plain data, ready for JSON, every number finite. Durations are seconds, sizes are bytes. */
import type { TaskStatus } from "../model/result.js";
import type { Distribution } from "./distribution.js";

/** Use of one resource, in its own unit: attempts for `slots`, cores for `cpu`, bytes for `memory`. */
export interface ResourceUtilization {
  /** What running attempts hold now. */
  readonly now: number;
  /** Over the time in which runs were in progress, weighted by time. */
  readonly average: number;
  /** Most that was held at once. */
  readonly peak: number;
  /** What the runs in progress, or the last one, may use at once. */
  readonly limit: number;
  /** Use in relation to the limits, both over time: from 0 to 1. */
  readonly fraction: number;
}

/** Use of workers of one kind: `thread`, `process`, `sandbox`, and whatever else workers are called before their number. */
export interface PoolUse {
  /** Workers that carry out an attempt now. */
  readonly busy: number;
  /** Over the time in which runs were in progress, weighted by time. */
  readonly average: number;
  /** Most workers that were busy at once. */
  readonly peak: number;
  /** Different workers seen, up to 10,000. */
  readonly workers: number;
}

/** Figures of one kind of task, or of all, over a stretch of time. */
export interface TaskMetrics {
  /** Tasks that ended, by how. */
  readonly ended: Readonly<Record<TaskStatus, number>>;
  /** Tasks that succeeded, of those that succeeded, failed or timed out; 1 where there is none. */
  readonly successRate: number;
  /** Tasks that ended, a second. */
  readonly throughput: number;
  /** Attempts that ended. */
  readonly attempts: number;
  /** Attempts that were followed by another. */
  readonly retries: number;
  /** Attempts that ran into a timeout. */
  readonly timeouts: number;
  /** Attempts whose worker died of another's fault. */
  readonly lost: number;
  /** Of attempts. */
  readonly executionTime: Distribution;
  /** Between the moment a task could run and its first start. */
  readonly queuedTime: Distribution;
  /** Attempts that asked a cache. `hitRate` is what was served (`hits`, `stale` and `joined`) of all; 0 where nothing was asked. */
  readonly cache: {
    readonly hits: number;
    readonly stale: number;
    readonly joined: number;
    readonly misses: number;
    readonly hitRate: number;
  };
  /** Attempts that were served in batches. `fill` is the mean over batches of size / limit; 0 where there is none. */
  readonly batch: { readonly items: number; readonly batches: number; readonly fill: number };
  /** Sandboxes that attempts ran in. `warmRate` is the part of them that stood ready; 0 where there is none. */
  readonly sandbox: { readonly warm: number; readonly cold: number; readonly warmRate: number };
  /** Of workers, processes and sandboxes, each for its own attempts, where their runner can tell. */
  readonly usage: {
    /** CPU of all such attempts. */
    readonly cpuSeconds: number;
    /** CPU of one such attempt, on average. */
    readonly meanCpuSeconds: number;
    /** Highest resident memory of any. */
    readonly peakBytes: number;
  };
}

/** Figures of one kind of task. */
export interface NamedTaskMetrics extends TaskMetrics {
  /** `TaskOptions.name`; `"(other)"` for those that came when there were as many names as are kept. */
  readonly name: string;
}

/** The last while. A window of 10 seconds slides in steps of one, so it covers the last 9 to 10. */
export interface WindowMetrics extends TaskMetrics {
  /** Length of the window. */
  readonly seconds: number;
  /** Time that it covers now: less than its length also where the monitor is younger. */
  readonly covered: number;
  /** The same figures by kind of task. */
  readonly byName: readonly NamedTaskMetrics[];
}

/** A run in progress. */
export interface RunInProgress {
  /** Id of the run. */
  readonly runId: string;
  /** Name of the graph. */
  readonly graph: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Tasks so far; of a stream, those that are in it. */
  readonly taskCount: number;
  /** Tasks that have ended. */
  readonly ended: number;
  /** Tasks that could start and wait for the limits. */
  readonly ready: number;
  /** Attempts that hold a slot. */
  readonly running: number;
}

/** Everything that a monitor counts: figures of all tasks, with resources, workers, runs, kinds of task and windows. */
export interface ExecutionMetrics extends TaskMetrics {
  /** Mean execution time of the attempts that ended. */
  readonly avgExecutionTime: number;
  /** By resource, as attempts declared it; `slots` is always there. */
  readonly resourceUtilization: Readonly<Record<string, ResourceUtilization>>;
  /** By kind of worker. */
  readonly pools: Readonly<Record<string, PoolUse>>;
  /** Tasks that could start and wait for the limits. */
  readonly ready: number;
  /** Attempts that hold a slot now. */
  readonly running: number;
  /** Seconds in which a run was in progress. */
  readonly activeTime: number;
  /** Runs in progress. */
  readonly runs: readonly RunInProgress[];
  /** The same figures by kind of task, the most execution time first. */
  readonly byName: readonly NamedTaskMetrics[];
  /** The same figures over the last while: by default 10 seconds, 1 and 5 minutes. */
  readonly windows: readonly WindowMetrics[];
}

/** The metrics and when they were read. */
export interface MonitorSnapshot {
  /** Raised when a field changes its meaning. */
  readonly version: 1;
  /** Milliseconds since the epoch, by the clock of the runs. */
  readonly at: number;
  /** When the first run started, or the monitor was last reset; `null` where neither has happened. */
  readonly since: number | null;
  /** The figures. */
  readonly metrics: ExecutionMetrics;
}
