/** Numbers about runs while they go on, from their events alone. */
import type { AttemptEndedEvent, AttemptStartedEvent, RunEvent, TaskEndedEvent } from "../model/event.js";
import type { TaskStatus } from "../model/result.js";
import type { Observer } from "../port/observer.js";
import { type Distribution, DurationHistogram } from "./distribution.js";
import { UsageMeter } from "./usage.js";

/** Use of one resource, in its own unit: attempts for `slots`, cores for `cpu`, bytes for `memory`. */
export interface ResourceUtilization {
  readonly now: number;
  /** Over the time since the first attempt, weighted by time. */
  readonly average: number;
  readonly peak: number;
  /** What the runs in progress, or the last one, may use at once. */
  readonly limit: number;
  /** `average / limit`, from 0 to 1. */
  readonly fraction: number;
}

/** Plain data, ready for JSON. Durations are seconds. */
export interface ExecutionMetrics {
  /** Mean execution time of the attempts that ended. */
  readonly avgExecutionTime: number;
  /** Tasks that succeeded, of those that ran and ended; 1 where none has. */
  readonly successRate: number;
  /** By resource, as the attempts declared it; `slots` is always there. */
  readonly resourceUtilization: Readonly<Record<string, ResourceUtilization>>;
  /** Tasks that ended, by how. */
  readonly ended: Readonly<Record<TaskStatus, number>>;
  /** Tasks that could start and wait for the limits. */
  readonly ready: number;
  /** Attempts that run now. */
  readonly running: number;
  /** Attempts that were followed by another. */
  readonly retries: number;
  /** Attempts that ran into a timeout. */
  readonly timeouts: number;
  readonly executionTime: Distribution;
  /** Time between the moment a task could run and its first start. */
  readonly queuedTime: Distribution;
}

const noEnds: Record<TaskStatus, number> = { succeeded: 0, failed: 0, "timed-out": 0, cancelled: 0, skipped: 0 };

/**
 * Watches runs.
 *
 * @example
 * const monitor = new ExecutionMonitor();
 * const executor = new ParallelExecutor({ monitor });
 * await executor.executeTasks(tasks);
 * console.log(monitor.getMetrics().executionTime.p99);
 *
 * One monitor may be given to several executors. Its memory does not grow with the number of tasks.
 */
export class ExecutionMonitor implements Observer {
  #ended = { ...noEnds };
  #ready = 0;
  #retries = 0;
  #timeouts = 0;
  #executionTime = new DurationHistogram();
  #queuedTime = new DurationHistogram();
  readonly #use = new Map<string, UsageMeter>([["slots", new UsageMeter()]]);
  readonly #limits = new Map<string, number>([["slots", 0]]);
  /** What each running attempt holds, and whether it holds it now (not while it is suspended), by run and task. */
  readonly #held = new Map<string, { readonly amounts: Readonly<Record<string, number>>; active: boolean }>();
  /** Tasks that are ready and have not started, by run and task. */
  readonly #waiting = new Set<string>();
  #lastAt = 0;

  /** Told of every event by the executors that it is given to. */
  observe(event: RunEvent): void {
    this.#lastAt = Math.max(this.#lastAt, event.at);
    switch (event.type) {
      case "run-started":
        for (const [name, limit] of Object.entries(event.limits)) this.#limits.set(name, limit);
        return;
      case "task-ready":
        this.#setWaiting(keyOf(event), true);
        return;
      case "attempt-started":
        this.#attemptStarted(event);
        return;
      case "attempt-ended":
        this.#attemptEnded(event);
        return;
      case "task-suspended":
        this.#setActive(keyOf(event), false, event.at);
        return;
      case "task-resumed":
        this.#setActive(keyOf(event), true, event.at);
        return;
      case "task-ended":
        this.#taskEnded(event);
        return;
      default:
        return;
    }
  }

  /** The numbers as they are now. */
  getMetrics(): ExecutionMetrics {
    const executionTime = this.#executionTime.read();
    const { succeeded, failed } = this.#ended;
    const ran = succeeded + failed + this.#ended["timed-out"];
    return {
      avgExecutionTime: executionTime.mean,
      successRate: ran === 0 ? 1 : succeeded / ran,
      resourceUtilization: this.#utilization(),
      ended: { ...this.#ended },
      ready: this.#ready,
      running: this.#use.get("slots")!.now,
      retries: this.#retries,
      timeouts: this.#timeouts,
      executionTime,
      queuedTime: this.#queuedTime.read(),
    };
  }

  /** Forgets what has ended. What runs or waits now goes on being counted. */
  reset(): void {
    this.#ended = { ...noEnds };
    this.#retries = 0;
    this.#timeouts = 0;
    this.#executionTime = new DurationHistogram();
    this.#queuedTime = new DurationHistogram();
    for (const [name, meter] of this.#use) {
      const fresh = new UsageMeter();
      fresh.change(meter.now, this.#lastAt);
      this.#use.set(name, fresh);
    }
  }

  #attemptStarted(event: AttemptStartedEvent): void {
    const key = keyOf(event);
    this.#setWaiting(key, false);
    this.#held.set(key, { amounts: { ...event.resources, slots: 1 }, active: false });
    this.#setActive(key, true, event.at);
  }

  #attemptEnded(event: AttemptEndedEvent): void {
    const key = keyOf(event);
    this.#setActive(key, false, event.at);
    this.#held.delete(key);
    this.#executionTime.record(event.executionTime);
    if (event.retryAt !== undefined) this.#retries++;
    if (event.outcome === "timed-out") this.#timeouts++;
  }

  #taskEnded(event: TaskEndedEvent): void {
    this.#ended[event.status]++;
    this.#setWaiting(keyOf(event), false);
    if (event.result.attempts > 0) this.#queuedTime.record(event.result.queuedTime);
  }

  #setWaiting(key: string, waiting: boolean): void {
    if (waiting) this.#waiting.add(key);
    else this.#waiting.delete(key);
    this.#ready = this.#waiting.size;
  }

  #setActive(key: string, active: boolean, at: number): void {
    const held = this.#held.get(key);
    if (held === undefined || held.active === active) return;
    held.active = active;
    for (const [name, amount] of Object.entries(held.amounts)) this.#meter(name).change(active ? amount : -amount, at);
  }

  #meter(name: string): UsageMeter {
    const known = this.#use.get(name) ?? new UsageMeter();
    this.#use.set(name, known);
    return known;
  }

  #utilization(): Record<string, ResourceUtilization> {
    const utilization: Record<string, ResourceUtilization> = {};
    for (const [name, meter] of this.#use) {
      const average = meter.average(this.#lastAt);
      const limit = this.#limits.get(name) ?? 0;
      utilization[name] = {
        now: meter.now,
        average,
        peak: meter.peak,
        limit,
        fraction: limit === 0 ? 0 : average / limit,
      };
    }
    return utilization;
  }
}

function keyOf(event: { readonly runId: string; readonly taskId: string }): string {
  return `${event.runId}\0${event.taskId}`;
}
